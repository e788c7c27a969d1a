//! What was made lately from parts that objects share: made once for all objects that have the same parts.

/// How many results are kept.
const ROOM: usize = 8;

/// A few results, each with the parts it was made from. The parts are held, so that nothing else can lie at their addresses,
/// and parts that are the very same ones give the same result.
#[derive(Debug)]
pub struct Recent<K, V> {
    made: Vec<(K, V)>,
    /// Which one makes room next.
    oldest: usize,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { made: Vec::new(), oldest: 0 }
    }
}

impl<K, V> Recent<K, V> {
    /// The result for some parts, made if it is not there.
    pub fn get_or_make(&mut self, is_from: impl Fn(&K) -> bool, make: impl FnOnce() -> (K, V)) -> &V {
        let found = self.made.iter().position(|(parts, _)| is_from(parts));
        let place = found.unwrap_or_else(|| self.keep(make()));
        &self.made[place].1
    }

    fn keep(&mut self, made: (K, V)) -> usize {
        if self.made.len() < ROOM {
            self.made.push(made);
            return self.made.len() - 1;
        }
        let place = self.oldest;
        self.made[place] = made;
        self.oldest = (place + 1) % ROOM;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_made_once_as_long_as_it_is_among_the_last() {
        let (mut recent, mut makes) = (Recent::default(), 0);
        let mut get = |key: usize| {
            let made = *recent.get_or_make(
                |other| *other == key,
                || {
                    makes += 1;
                    (key, key * 10)
                },
            );
            (made, makes)
        };
        for key in 0..ROOM {
            assert_eq!((get(key), get(key)), ((key * 10, key + 1), (key * 10, key + 1)));
        }
        assert_eq!(get(0), (0, ROOM), "there is room for so many");
        assert_eq!(get(99), (990, ROOM + 1));
        assert_eq!(get(1), (10, ROOM + 1), "the oldest made room");
        assert_eq!(get(0), (0, ROOM + 2));
        assert_eq!(get(1), (10, ROOM + 3), "the next oldest made room");
    }
}
