//! Tells the compiler which R it is building for.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(r_map_attrib)");
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    let (major, minor) = (
        number("DEP_R_R_VERSION_MAJOR"),
        number("DEP_R_R_VERSION_MINOR"),
    );
    if (major, minor) >= (Some(4), Some(6)) {
        println!("cargo:rustc-cfg=r_map_attrib");
    }
}
