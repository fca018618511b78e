//! Tells whether the compiler knows the instructions of registers of eight lanes (AVX-512), which is
//! so from 1.89 on.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(octets)");
    if minor_version() >= Some(89) {
        println!("cargo:rustc-cfg=octets");
    }
}

/// Of "rustc 1.95.0 (...)".
fn minor_version() -> Option<u32> {
    let compiler = std::env::var_os("RUSTC")?;
    let said = std::process::Command::new(compiler)
        .arg("--version")
        .output()
        .ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    said.split('.').nth(1)?.parse().ok()
}
