// Each argument that cannot travel is named where it stands.
pub struct Point;
pub struct Line;

#[rapace::service]
trait Service {
    fn draw(&self, first: Point, between: u8, second: Line) -> Result<Point, Line>;
}

fn main() {}
