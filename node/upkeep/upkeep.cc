#include "node/upkeep/upkeep.h"

#include <algorithm>
#include <utility>

namespace vortex::node {

namespace {
// The share of time that looking may take is one in so many.
constexpr int kLookShare = 4;
// A look during which the machine stood still says nothing about what looks cost.
constexpr Duration kRestMax = std::chrono::minutes(1);
constexpr Duration kGlance = milliseconds(250);
}  // namespace

Upkeep::Upkeep(Env& env, const LedRecords& records, Places& places, Janitor& janitor, UpkeepOptions options)
    : env_(env),
      records_(records),
      places_(places),
      janitor_(janitor),
      options_(options),
      found_(env.loop()),
      tasks_(env.loop()) {}

void Upkeep::start() {
  tasks_.spawn(run());
  tasks_.spawn(tidy());
}

Task<void> Upkeep::stop() { return tasks_.stop(); }

void Upkeep::hurry() { hurry_ = true; }

SurveyTerms Upkeep::terms() {
  SurveyTerms terms;
  terms.now = env_.clock().wall_now().time_since_epoch().count();
  terms.steady = env_.now();
  terms.stamps = &stamps_;
  terms.upload_silence = options_.upload_silence;
  terms.follow_up = options_.follow_up;
  terms.reclaim_grace = options_.reclaim_grace;
  return terms;
}

Task<Status> Upkeep::look() {
  std::vector<dht::PartitionNumber> led = records_.led();
  std::erase_if(seen_, [&led](const auto& seen) { return !std::ranges::binary_search(led, seen.first); });
  for (dht::PartitionNumber partition : led) {
    PartitionCensus census;
    census.places_at = places_.changes();
    auto found = co_await survey(env_, records_, partition, places_, terms());
    if (found.is(Code::not_leader)) continue;
    if (!found.ok()) co_return found.error();
    census.chunks = found->census;
    seen_[partition] = census;
    if (on_needs_) on_needs_(partition, std::move(found->needs));
    if (tidying_) continue;
    leftovers_.push_back(std::move(found->leftovers));
  }
  stamps_.end_look();
  found_.notify_all();
  if (on_look_) on_look_(led);
  co_return Status();
}

Task<void> Upkeep::run() {
  Status waited = co_await sleep_for(env_, options_.quiet);
  while (waited.ok()) {
    const Instant begun = env_.now();
    const std::uint64_t changes = places_.changes();
    hurry_ = false;
    Status looked = co_await look();
    if (!looked.ok()) co_return;
    Duration rest = std::min<Duration>((env_.now() - begun) * kLookShare, kRestMax);
    const Instant next = begun + std::max<Duration>(options_.period, rest);
    // Members that come and go are seen in what they do to chunks without waiting for the next turn.
    while (waited.ok() && env_.now() < next && !hurry_ && changes == places_.changes())
      waited = co_await sleep_for(env_, kGlance);
  }
}

// The janitor works beside the looks, on what one of them found.
Task<void> Upkeep::tidy() {
  while (true) {
    while (leftovers_.empty()) {
      bool woken = co_await found_.wait();
      if (!woken) co_return;
    }
    tidying_ = true;
    std::vector<Leftovers> all = std::exchange(leftovers_, {});
    for (Leftovers& leftovers : all) {
      (void)(co_await janitor_.settle(std::move(leftovers))).ok();
      Status slept = co_await sleep_for(env_, kWalkPause);
      if (!slept.ok()) co_return;
    }
    tidying_ = false;
  }
}

ChunkCensus Upkeep::census(bool& complete) const {
  ChunkCensus sum;
  complete = true;
  for (dht::PartitionNumber partition : records_.led()) {
    auto seen = seen_.find(partition);
    if (seen == seen_.end()) {
      complete = false;
      continue;
    }
    sum.add(seen->second.chunks);
    complete = complete && seen->second.places_at == places_.changes();
  }
  return sum;
}

Upkeep::Progress Upkeep::progress() const {
  Progress progress;
  for (dht::PartitionNumber partition : records_.led()) {
    ++progress.led;
    auto seen = seen_.find(partition);
    if (seen != seen_.end() && seen->second.places_at == places_.changes()) ++progress.current;
  }
  return progress;
}

}  // namespace vortex::node
