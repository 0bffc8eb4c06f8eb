#[rapace::service]
trait Service {
    #[rapace]
    fn bare(&self);
    #[rapace = "idempotent"]
    fn assigned(&self);
    #[rapace(idempotent = "yes")]
    fn with_value(&self);
    #[rapace(name)]
    fn without_value(&self);
    #[rapace(name = unquoted)]
    fn unquoted(&self);
    #[rapace(timeout(5))]
    fn nested(&self);
    #[cfg_attr(unix, rapace(idempotent))]
    fn conditional(&self);
}

fn main() {}
