//! Someone who reads over links that break, and remembers what they were told.

use std::{sync::atomic::Ordering, time::Duration};

use super::*;

pub struct Reader<'a> {
    world: &'a World<'a>,
    pub person: usize,
    pub picture: Picture,
    feed: Feed,
    random: StdRng,
    /// How many links it had.
    pub links: usize,
}

impl<'a> Reader<'a> {
    /// One who knows nothing, as there is nothing yet.
    pub async fn new(world: &'a World<'a>, person: usize, mut random: StdRng) -> Self {
        let server = random.random_range(0..world.apps.len());
        let client = world.phone(person, server);
        let scope = Scope::all(Window::Events).after(client.stands().await);
        Self {
            feed: Feed::open(world.apps[server].address, &client, scope).await,
            picture: Picture::default(),
            world,
            person,
            random,
            links: 1,
        }
    }

    /// Reads a little, breaks off, and goes on elsewhere, until all is over.
    pub async fn wander(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let enough = self.random.random_range(0..15);
            let a_while = Duration::from_millis(self.random.random_range(0..80));
            let reading = async {
                for _ in 0..enough {
                    let event = self.feed.next().await;
                    self.picture.take(&event);
                }
            };
            // Whether enough came or it took too long: the link breaks.
            let _ = tokio::time::timeout(a_while, reading).await;
            if self.random.random_bool(0.3) {
                // Away for a while.
                tokio::time::sleep(a_while * 3).await;
            }
            let server = self.random.random_range(0..self.world.apps.len());
            self.feed.resume(self.world.apps[server].address).await;
            self.links += 1;
        }
    }

    /// Reads on until nothing is missing.
    pub async fn finish(&mut self, truth: &Truth) {
        let viewer = self.world.name(self.person);
        let world = self.world;
        let is_marked =
            |conversation: &str, name: &str| world.is_marked(conversation, &viewer, name);
        self.picture
            .complete(&mut self.feed, truth, &is_marked)
            .await;
    }
}
