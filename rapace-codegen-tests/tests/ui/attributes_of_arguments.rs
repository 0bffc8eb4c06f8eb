#[rapace::service]
trait Service {
    fn conditional(&self, #[cfg(unix)] a: u8, b: u8);
    fn configured(&self, #[cfg_attr(unix, cfg(unix))] a: u8);
    fn with_option(&self, #[rapace(name = "x")] a: u8);
}

fn main() {}
