#[rapace::service]
trait Service {
    fn connect(&self);
    fn connect_async(&self);
    fn builder(&self);
    fn local(&self);
    fn session(&self);
    fn clone(&self);
}

fn main() {}
