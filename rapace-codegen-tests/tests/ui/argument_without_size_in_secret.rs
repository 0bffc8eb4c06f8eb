type Text = str;

#[rapace::service]
trait Service {
    fn print(&self, text: &Text);
}

fn main() {}
