//! Which versions of the contenders were measured: those of Cargo.lock, that this was built with.

/// The products of others, by their packages; they are there with the feature `peers` only.
pub const PEERS: [&str; 6] = ["iceoryx2", "ipc-channel", "remoc", "shmipc", "tarpc", "tonic"];

/// What the products beside rapace stand on.
pub const BELOW: [&str; 2] = ["tokio", "postcard"];

const LOCK: &str = include_str!("../../Cargo.lock");

/// The version of a package; the first, should there be several.
#[must_use]
pub fn of(package: &str) -> Option<&'static str> {
    let (_, rest) = LOCK.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0)
}

/// All versions that a reader of a table must know.
#[must_use]
pub fn line() -> String {
    let packages = ["rapace"].into_iter().chain(if cfg!(feature = "peers") { &PEERS[..] } else { &[] }.iter().copied());
    let named = |package: &str| format!("{package} {}", of(package).unwrap_or("of an unknown version"));
    packages.chain(BELOW).map(named).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_product_has_a_version() {
        for package in super::PEERS.into_iter().chain(super::BELOW).chain(["rapace"]) {
            assert!(super::of(package).is_some_and(|version| version.contains('.')), "{package}");
        }
    }
}
