#[rapace::service]
trait Service {
    fn changed(&self, mut a: u8);
    fn ignored(&self, _: u8);
    fn apart(&self, (a, b): (u8, u8)) -> u8 {
        a + b
    }
    fn referenced(&self, ref a: u8) -> u8 {
        *a
    }
}

fn main() {}
