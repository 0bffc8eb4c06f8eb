#[rapace::service]
trait Service {
    const fn constant(&self) -> u8;
    unsafe fn dangerous(&self) -> u8;
    extern "C" fn foreign(&self) -> u8;
    pub fn visible(&self) -> u8;
}

fn main() {}
