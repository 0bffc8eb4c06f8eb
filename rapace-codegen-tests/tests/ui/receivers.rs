#[rapace::service]
trait Service {
    fn none();
    fn argument_only(a: u8) -> u8;
    fn exclusive(&mut self);
    fn by_value(self);
    fn typed(self: &Self);
    fn boxed(self: Box<Self>);
    fn shared(self: std::sync::Arc<Self>);
    fn lasting(&'static self);
}

fn main() {}
