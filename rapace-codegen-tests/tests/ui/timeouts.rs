#[rapace::service]
trait Service {
    #[rapace(timeout)]
    fn without(&self);
    #[rapace(timeout = 5)]
    fn number(&self);
    #[rapace(timeout = "5")]
    fn unitless(&self);
    #[rapace(timeout = "1.5s")]
    fn fraction(&self);
    #[rapace(timeout = "0s")]
    fn zero(&self);
    #[rapace(timeout = "99999999999min")]
    fn endless(&self);
}

fn main() {}
