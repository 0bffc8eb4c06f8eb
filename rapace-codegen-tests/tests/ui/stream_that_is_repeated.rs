#[rapace::service]
trait Service {
    #[rapace(idempotent)]
    fn primes(&self, limit: u32, found: rapace::Tx<u32>) -> u32;
}

fn main() {}
