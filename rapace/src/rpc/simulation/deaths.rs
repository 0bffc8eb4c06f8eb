//! Every instant at which a side can die within an exchange, one after the other, and all pairs of instants at which both do.
//!
//! An exchange is the run of a seed, with as many steps as it takes until everything that can happen has happened in it. A
//! death between two steps is one between two publications: a message that was not published whole is not there, which the
//! models of the ring search. All pairs run with `RAPACE_PAIRS=1` and `--release`.

use super::*;

/// Seeds of exchanges in which everything happens, and their steps.
const EXCHANGES: [(u64, usize); 3] = [(66, 100), (1521, 100), (1817, 100)];

/// What happens in the exchange of a seed, if nobody dies.
fn happens(seed: u64, steps: usize) -> bool {
    let mut world = World::new(seed);
    play(&mut world, steps, &[]);
    let record = &world.record;
    let one_ways: usize = world.sides.iter().map(|side| side.one_ways_handled.len()).sum();
    let said_goodbye = world.sides.iter().any(|side| side.has_said_goodbye);
    record.executed.len() > 5
        && record.whole.iter().any(|names| record.received.get(names) > Some(&1))
        && record.nested > 0
        && record.fragmented > 1
        && one_ways > 1
        && said_goodbye
}

#[test]
fn everything_happens_in_the_exchanges() {
    for (seed, steps) in EXCHANGES {
        assert!(happens(seed, steps), "exchange {seed}");
    }
}

#[test]
fn a_side_may_die_at_any_step() {
    for (seed, steps) in EXCHANGES {
        for death in (0..steps).flat_map(|step| [(step, 0), (step, 1)]) {
            play(&mut World::new(seed), steps, &[death]);
        }
    }
}

#[test]
fn both_sides_may_die_at_any_two_steps() {
    // Else each seventh step, which is a matter of a second.
    let stride = if std::env::var_os("RAPACE_PAIRS").is_some() { 1 } else { 7 };
    for (seed, steps) in EXCHANGES {
        for first in (0..steps).step_by(stride) {
            for second in (first..steps).step_by(stride) {
                for at in [0, 1] {
                    play(&mut World::new(seed), steps, &[(first, at), (second, 1 - at)]);
                }
            }
        }
    }
}
