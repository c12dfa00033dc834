#include "dht/heartbeat/watch.h"

#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

using Action = Watch::Action;
using State = Watch::State;
constexpr Duration kStep = milliseconds(10);

Instant begin() { return Instant() + seconds(1000); }

// Time, a peer that beats or does not, and what the watch wants.
struct Rig {
  Instant now = begin();
  WatchTimes times;
  Watch watch{begin()};

  void beat(int count, Duration period = kHeartbeatInterval) {
    for (int i = 0; i < count; ++i) {
      now += period;
      watch.heard(now);
    }
  }
  // Until the watch wants something; the time that took.
  Duration wait_for(Action action, Duration limit = seconds(30)) {
    Instant from = now;
    while (now < from + limit) {
      now += kStep;
      Action wanted = watch.tick(now, times);
      if (wanted == action) return now - from;
      if (wanted != Action::none) return Duration::max();
    }
    return Duration::max();
  }
};

}  // namespace

TEST_CASE("a silent peer is asked about, then suspected, then condemned, within two seconds") {
  Rig rig;
  rig.beat(20);
  Duration asked = rig.wait_for(Action::ask);
  EXPECT(asked >= 2 * kHeartbeatInterval);
  EXPECT(asked <= 3 * kHeartbeatInterval);
  rig.watch.asked(3, rig.now);
  for (int i = 0; i < 3; ++i) rig.watch.answered(false, rig.now, rig.times);
  EXPECT(rig.wait_for(Action::suspect) <= kStep);
  EXPECT(rig.wait_for(Action::condemn) <= rig.times.confirm + kStep);
  EXPECT(rig.watch.state() == State::dead);
}

TEST_CASE("a link that is irregular is given more time, but never without bound") {
  Rig regular, irregular;
  regular.beat(100);
  for (int i = 0; i < 50; ++i) irregular.beat(1, milliseconds(i % 2 == 0 ? 100 : 700));
  Duration less = regular.wait_for(Action::ask), more = irregular.wait_for(Action::ask);
  EXPECT(more > less + milliseconds(300));
  Rig wild;
  for (int i = 0; i < 50; ++i) wild.beat(1, seconds(i % 2 == 0 ? 1 : 60));
  EXPECT(wild.wait_for(Action::ask) <= 9 * kHeartbeatInterval);
}

TEST_CASE("one bad link condemns nobody") {
  Rig rig;
  rig.beat(20);
  for (int round = 0; round < 20; ++round) {
    REQUIRE(rig.wait_for(Action::ask) != Duration::max());
    rig.watch.asked(3, rig.now);
    rig.watch.answered(false, rig.now, rig.times);
    rig.watch.answered(true, rig.now, rig.times);
    EXPECT(rig.watch.state() == State::well);
  }
}

TEST_CASE("a broken connection is asked about at once, and a new one ends the doubt") {
  Rig rig;
  rig.beat(20);
  rig.watch.broken();
  EXPECT(rig.watch.tick(rig.now, rig.times) == Action::ask);
  rig.watch.asked(1, rig.now);
  rig.watch.answered(false, rig.now, rig.times);
  // It may be on its way back.
  EXPECT(rig.watch.tick(rig.now + kStep, rig.times) == Action::none);
  rig.watch.heard(rig.now + 2 * kStep);
  EXPECT(rig.watch.state() == State::well);
}

TEST_CASE("an observer that was late itself blames nobody for it") {
  Rig rig;
  rig.beat(20);
  rig.now += seconds(5);
  rig.watch.late(rig.now, seconds(5), rig.times);
  EXPECT(rig.watch.tick(rig.now, rig.times) == Action::none);
  EXPECT(rig.wait_for(Action::ask) >= 2 * kHeartbeatInterval);
}

TEST_CASE("an observer that is late now and then still condemns whoever is dead, and not much later") {
  for (Duration hiccup : {Duration(milliseconds(150)), Duration(milliseconds(700))}) {
    Rig rig;
    rig.beat(20);
    Instant from = rig.now;
    Duration since_hiccup{0};
    while (rig.watch.state() != State::dead && rig.now < from + seconds(30)) {
      rig.now += kStep;
      since_hiccup += kStep;
      if (since_hiccup >= seconds(1)) {
        rig.now += hiccup;
        since_hiccup = Duration(0);
        rig.watch.late(rig.now, hiccup, rig.times);
      }
      if (rig.watch.tick(rig.now, rig.times) == Action::ask) rig.watch.asked(0, rig.now);
    }
    EXPECT(rig.now < from + seconds(10));
  }
}

TEST_CASE("what came while the observer was late is heard before it judges") {
  Rig rig;
  rig.beat(20);
  REQUIRE(rig.wait_for(Action::ask) != Duration::max());
  rig.watch.asked(0, rig.now);
  REQUIRE(rig.wait_for(Action::suspect) != Duration::max());
  rig.now += rig.times.confirm - kStep;
  REQUIRE(rig.watch.tick(rig.now, rig.times) == Action::none);
  for (Duration late : {Duration(milliseconds(200)), Duration(seconds(5))}) {
    rig.now += late + kStep;
    rig.watch.late(rig.now, late, rig.times);
    EXPECT(rig.watch.tick(rig.now, rig.times) == Action::none);
  }
  rig.watch.heard(rig.now);
  EXPECT(rig.watch.state() == State::well);
}

TEST_CASE("a suspicion that was refuted by way of others ends, and the next one takes longer") {
  Rig rig;
  rig.beat(20);
  Duration first = rig.wait_for(Action::ask);
  rig.watch.asked(0, rig.now);
  REQUIRE(rig.wait_for(Action::suspect) != Duration::max());
  rig.watch.refuted(rig.now, rig.times);
  EXPECT(rig.watch.state() == State::well);
  EXPECT(rig.wait_for(Action::ask) > first + kHeartbeatInterval);
}

TEST_CASE("whoever was condemned and is watched again can be condemned again") {
  Rig rig;
  for (int round = 0; round < 3; ++round) {
    REQUIRE(rig.wait_for(Action::ask) != Duration::max());
    rig.watch.asked(0, rig.now);
    REQUIRE(rig.wait_for(Action::suspect) != Duration::max());
    REQUIRE(rig.wait_for(Action::condemn) != Duration::max());
    rig.watch.begin(rig.now);
  }
}

TEST_CASE("an observer that nobody answers takes longer to condemn") {
  Rig together, alone;
  for (Rig* rig : {&together, &alone}) {
    rig->beat(20);
    REQUIRE(rig->wait_for(Action::ask) != Duration::max());
    rig->watch.asked(3, rig->now);
  }
  together.watch.answered(false, together.now, together.times);
  REQUIRE(together.wait_for(Action::suspect) != Duration::max());
  REQUIRE(alone.wait_for(Action::suspect) != Duration::max());
  EXPECT(alone.wait_for(Action::condemn) >= 3 * together.wait_for(Action::condemn));
}

TEST_CASE("two nodes alone can still tell each other's end") {
  Rig rig;
  rig.beat(20);
  REQUIRE(rig.wait_for(Action::ask) != Duration::max());
  rig.watch.asked(0, rig.now);
  REQUIRE(rig.wait_for(Action::suspect) != Duration::max());
  EXPECT(rig.wait_for(Action::condemn) <= rig.times.confirm + kStep);
}

TEST_CASE("a peer that flaps is given more and more time, up to a bound, and is forgiven later") {
  Rig rig;
  rig.beat(20);
  Duration first = rig.wait_for(Action::ask);
  Duration last{0};
  for (int round = 0; round < 6; ++round) {
    rig.watch.asked(0, rig.now);
    REQUIRE(rig.wait_for(Action::suspect) != Duration::max());
    rig.beat(50);
    last = rig.wait_for(Action::ask);
  }
  EXPECT(last >= 3 * first);
  EXPECT(last <= 5 * first);
  rig.watch.heard(rig.now);
  for (int i = 0; i < 1200; ++i) {
    rig.beat(1);
    EXPECT(rig.watch.tick(rig.now, rig.times) == Action::none);
  }
  EXPECT(rig.watch.flaps() == 0);
}

TEST_CASE("a member that was never heard is waited for from when the watch began") {
  Rig rig;
  EXPECT(rig.wait_for(Action::ask) >= 2 * kHeartbeatInterval);
}
