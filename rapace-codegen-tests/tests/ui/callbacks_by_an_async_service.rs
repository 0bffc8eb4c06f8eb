#[rapace::service]
trait Host {
    fn run(&self, cx: &rapace::Context);
}

#[rapace::service]
trait Plugin {
    async fn done(&self, step: u8);
}

struct Implementation;

impl Plugin for Implementation {
    async fn done(&self, _step: u8) {}
}

fn main() {
    let _ = HostClient::builder().serve(PluginServer::new(Implementation)).connect("/tmp/nowhere");
}
