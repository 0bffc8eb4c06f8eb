#[rapace::service]
trait Service {
    fn first(&self, a: u8) -> u8;
}

struct Other;

fn main() {
    let _ = rapace::Server::new(ServiceServer::new(Other));
    let _ = ServiceClient::local(Other);
}
