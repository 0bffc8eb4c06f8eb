#[rapace::service]
trait Service {
    fn start(&self, at: std::time::Instant);
}

#[rapace::service]
trait Threads {
    fn stop(&self) -> std::thread::ThreadId;
}

fn main() {}
