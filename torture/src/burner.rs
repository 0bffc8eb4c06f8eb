//! A process that takes CPU time and does nothing else: what others are compared beside.

use std::time::{Duration, Instant};

use crate::process::argument;

/// A burner of part of a CPU burns for that part of this.
const PERIOD: Duration = Duration::from_millis(4);

/// In a role: takes so many thousandths of a CPU, more than one by several threads, until it is killed.
pub(crate) fn burn(arguments: &[String]) -> Result<(), String> {
    let mut left: u32 = argument(arguments, 0)?;
    while left > 1_000 {
        std::thread::spawn(|| take(1_000));
        left -= 1_000;
    }
    take(left)
}

fn take(thousandths: u32) -> ! {
    let busy = PERIOD * thousandths / 1_000;
    loop {
        let began = Instant::now();
        while began.elapsed() < busy {
            std::hint::spin_loop();
        }
        std::thread::sleep(PERIOD - busy);
    }
}

/// The CPU time of this process's children that have ended.
pub(crate) fn burnt() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // From the state on, behind the name, they are the fourteenth and fifteenth.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}
