use super::*;

/// A server with a limit of its own, some workers that ask it as fast as the pace allows, and a time that is only counted.
struct World {
    pace: Pace,
    server: Server,
    /// What an answer takes; a refusal costs the server nothing.
    latency: Duration,
    now: Duration,
    throttled_until: Duration,
    accepted: u32,
    refused: u32,
}

enum Server {
    /// Refills so many a second, and keeps those of one second.
    Bucket { rate: f64, left: f64, at: Duration },
    /// So many in each minute.
    Window { most: u32, minute: u64, used: u32 },
    /// Refuses each request of this number, whatever the rate.
    Moody { each: u32, asked: u32 },
}

impl Server {
    fn bucket(rate: f64) -> Self {
        Self::Bucket { rate, left: rate, at: Duration::ZERO }
    }

    /// For how long the request is refused, if it is.
    fn answer(&mut self, now: Duration) -> Option<Duration> {
        match self {
            Self::Bucket { rate, left, at } => {
                *left = (*left + *rate * (now - *at).as_secs_f64()).min(*rate);
                *at = now;
                if *left < 1.0 {
                    return Some(Duration::from_secs(1));
                }
                *left -= 1.0;
                None
            }
            Self::Window { most, minute, used } => {
                if now.as_secs() / 60 > *minute {
                    (*minute, *used) = (now.as_secs() / 60, 0);
                }
                *used += 1;
                (*used > *most).then(|| Duration::from_secs((*minute + 1) * 60 - now.as_secs()))
            }
            Self::Moody { each, asked } => {
                *asked += 1;
                (*asked).is_multiple_of(*each).then_some(Duration::from_secs(1))
            }
        }
    }
}

impl World {
    fn new(most: u32, server: Server, latency_ms: u64) -> Self {
        let latency = Duration::from_millis(latency_ms);
        let (now, throttled_until) = (Duration::ZERO, Duration::ZERO);
        Self { pace: Pace::new(most), server, latency, now, throttled_until, accepted: 0, refused: 0 }
    }

    /// Asks for so long with so many at a time; the counts begin anew.
    fn ask_for(&mut self, seconds: u64, in_flight: usize) -> f64 {
        let end = self.now + Duration::from_secs(seconds);
        (self.accepted, self.refused) = (0, 0);
        // When each answer comes, and what it says.
        let mut under_way: Vec<(Duration, Option<Duration>)> = Vec::new();
        while self.now < end {
            under_way.sort_unstable();
            while under_way.first().is_some_and(|(at, _)| *at <= self.now) {
                let (_, refused) = under_way.remove(0);
                self.take_in(refused);
            }
            if self.now >= self.throttled_until
                && under_way.len() < in_flight
                && self.pace.take(self.now).is_none()
            {
                let answer = self.server.answer(self.now);
                let takes = if answer.is_some() { Duration::from_millis(1) } else { self.latency };
                under_way.push((self.now + takes, answer));
            } else {
                self.now += Duration::from_millis(1);
            }
        }
        f64::from(self.accepted) / seconds as f64
    }

    fn take_in(&mut self, refused: Option<Duration>) {
        let Some(wait) = refused else {
            self.accepted += 1;
            return self.pace.accepted();
        };
        self.refused += 1;
        let (is_first, until) = (self.throttled_until <= self.now, self.now + wait);
        self.throttled_until = self.throttled_until.max(until);
        self.pace.refused(self.now, until, is_first);
    }

    fn refused_share(&self) -> f64 {
        f64::from(self.refused) / f64::from(self.accepted + self.refused)
    }
}

#[test]
fn the_rate_of_a_server_is_found_within_half_a_minute_and_kept_nearly_without_refusals() {
    for (most, in_flight, latency) in
        [(0, 8, 20), (0, 64, 1), (0, 64, 200), (50, 8, 20), (100, 64, 50), (0, 1, 1)]
    {
        for limit in [8.0, 25.0, 200.0] {
            let possible = (in_flight as f64 * 1000.0 / latency as f64).min(limit);
            let possible = if most > 0 { possible.min(f64::from(most)) } else { possible };
            let mut world = World::new(most, Server::bucket(limit), latency);
            world.ask_for(30, in_flight);
            let rate = world.ask_for(120, in_flight);
            // With eight a second, one more or less is much.
            let (least, most_refused) = if limit < 10.0 { (0.95, 0.03) } else { (0.97, 0.02) };
            let what = format!("{most} {in_flight} {latency} {limit}: {rate}, {} refused", world.refused);
            assert!(rate >= least * possible, "{what}");
            assert!(world.refused_share() < most_refused, "{what}");
        }
    }
}

#[test]
fn where_more_is_allowed_again_it_creeps_back_up() {
    let mut world = World::new(0, Server::bucket(25.0), 20);
    world.ask_for(120, 64);
    world.server = Server::bucket(250.0);
    world.ask_for(600, 64);
    let rate = world.ask_for(60, 64);
    assert!(rate > 240.0 && world.refused_share() < 0.02, "{rate} {}", world.refused);
    world.server = Server::bucket(25.0);
    world.ask_for(30, 64);
    let rate = world.ask_for(60, 64);
    assert!(rate > 24.0 && world.refused_share() < 0.02, "{rate} {}", world.refused);
}

#[test]
fn a_server_that_counts_by_the_minute_gives_all_it_allows() {
    let mut world = World::new(0, Server::Window { most: 1_500, minute: 0, used: 0 }, 20);
    world.ask_for(120, 64);
    let rate = world.ask_for(600, 64);
    assert!(rate > 0.95 * 25.0 && world.refused_share() < 0.02, "{rate} {}", world.refused);
}

#[test]
fn single_refusals_that_have_nothing_to_do_with_the_rate_do_not_slow_everybody() {
    let mut world = World::new(100, Server::Moody { each: 100, asked: 0 }, 20);
    // A hundred take a second, and then it asks for one of rest: what it accepts of all that time is taken for its rate, once.
    world.ask_for(60, 8);
    let rate = world.ask_for(600, 8);
    assert!(rate > 30.0, "{rate}");
}

#[test]
fn what_was_found_is_known_after_a_pause_in_which_it_crept_far_up() {
    let mut world = World::new(0, Server::bucket(25.0), 20);
    world.ask_for(120, 64);
    world.now += Duration::from_secs(100_000);
    world.ask_for(30, 64);
    let rate = world.ask_for(60, 64);
    assert!(rate > 24.0 && world.refused_share() < 0.02, "{rate} {}", world.refused);
}

#[test]
fn no_more_than_a_tenth_of_a_seconds_worth_goes_out_at_once() {
    let mut pace = Pace::new(50);
    let at_once = |pace: &mut Pace, now| {
        (0..1_000).take_while(|_| pace.take(Duration::from_secs(now)).is_none()).count()
    };
    assert_eq!((at_once(&mut pace, 0), at_once(&mut pace, 6 * 3600)), (5, 5));
}
