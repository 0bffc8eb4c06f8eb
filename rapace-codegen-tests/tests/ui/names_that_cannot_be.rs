#[rapace::service(name = " ")]
trait Service {
    #[rapace(name = "")]
    fn empty(&self);
    #[rapace(name = "two words")]
    fn spaced(&self);
    #[rapace(name = "a.b")]
    fn dotted(&self);
}

fn main() {}
