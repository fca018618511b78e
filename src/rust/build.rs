//! Tells the compiler which R it is building for, and which faer is locked.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(r_map_attrib)");
    println!("cargo:rustc-check-cfg=cfg(r_accessors)");
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    let (major, minor) = (
        number("DEP_R_R_VERSION_MAJOR"),
        number("DEP_R_R_VERSION_MINOR"),
    );
    if (major, minor) >= (Some(4), Some(6)) {
        println!("cargo:rustc-cfg=r_map_attrib");
    }
    if (major, minor) >= (Some(4), Some(5)) {
        println!("cargo:rustc-cfg=r_accessors");
    }
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let version = lock
        .split("[[package]]")
        .find(|p| p.contains("name = \"faer\"\n"))
        .and_then(|p| p.split("version = \"").nth(1)?.split('"').next());
    println!(
        "cargo:rustc-env=FAER_VERSION={}",
        version.unwrap_or("unknown")
    );
}
