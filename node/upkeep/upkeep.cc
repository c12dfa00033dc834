#include "node/upkeep/upkeep.h"

#include <algorithm>
#include <utility>

namespace vortex::node {

namespace {
// Of the time that looks took, nobody has his turn for so many times as long; and nobody whose look is urgent for once.
constexpr int kRestShare = 4;
// A look during which the machine stood still says nothing about what looks cost.
constexpr Duration kRestMax = std::chrono::minutes(1);
// How often to see whether anybody's turn has come; and the least time between two looks at the same partition.
constexpr Duration kGlance = milliseconds(100);
constexpr Duration kAgesEvery = seconds(1);
// Partitions in which the janitor is at work at once, so that one with much to do keeps no other waiting.
constexpr std::size_t kTidiedAtOnce = 4;
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
  for (std::size_t i = 0; i < kTidiedAtOnce; ++i) tasks_.spawn(tidy());
}

Task<void> Upkeep::stop() { return tasks_.stop(); }

void Upkeep::hurry(dht::PartitionNumber partition) {
  auto watched = watched_.find(partition);
  if (watched != watched_.end()) watched->second.hurry = true;
}

SurveyTerms Upkeep::terms(dht::PartitionNumber partition) const {
  SurveyTerms terms;
  terms.now = env_.now();
  auto ages = ages_.find(partition);
  if (ages != ages_.end()) terms.ages = &ages->second;
  terms.upload_silence = options_.upload_silence;
  terms.follow_up = options_.follow_up;
  terms.reclaim_grace = options_.reclaim_grace;
  return terms;
}

void Upkeep::note_ages() {
  const Instant now = env_.now();
  if (!ages_.empty() && now - aged_ < kAgesEvery) return;
  aged_ = now;
  std::vector<LedRecords::Newest> held = records_.held();
  std::erase_if(ages_, [&held](const auto& known) {
    return !std::ranges::binary_search(held, known.first, {}, &LedRecords::Newest::first);
  });
  for (const auto& [partition, version] : held) ages_[partition].saw(now, version);
}

void Upkeep::follow_leaderships() {
  std::vector<dht::PartitionNumber> led = records_.led();
  std::erase_if(watched_, [&led](const auto& watched) { return !std::ranges::binary_search(led, watched.first); });
  std::erase_if(leftovers_, [this](const auto& left) { return !watched_.contains(left.first); });
  for (dht::PartitionNumber partition : led) watched_.try_emplace(partition);
}

bool Upkeep::current(const Watched& watched) const { return watched.census && watched.places_at == places_.changes(); }

std::vector<dht::PartitionNumber> Upkeep::due(bool urgent) const {
  const Instant now = env_.now();
  std::vector<std::pair<Instant, dht::PartitionNumber>> found;
  for (const auto& [partition, watched] : watched_) {
    const Instant looked = watched.looked.value_or(now - options_.period);
    bool pressing = watched.hurry || !current(watched);
    Duration apart = pressing ? kGlance : options_.period;
    if ((urgent && !pressing) || (watched.looked && now - looked < apart)) continue;
    // Within each kind whoever waits longest is first.
    found.emplace_back(pressing ? looked - options_.period : looked, partition);
  }
  std::sort(found.begin(), found.end());
  std::vector<dht::PartitionNumber> partitions;
  for (const auto& [since, partition] : found) partitions.push_back(partition);
  return partitions;
}

Task<Status> Upkeep::look_at(dht::PartitionNumber partition) {
  auto watched = watched_.find(partition);
  if (watched == watched_.end()) co_return Status();
  const std::uint64_t places_at = places_.changes();
  watched->second.looked = env_.now();
  watched->second.hurry = false;
  // What the look uses leaves the maps only between looks.
  auto found = co_await survey(env_, records_, partition, places_, terms(partition), watched->second.place);
  if (found.is(Code::not_leader)) co_return Status();
  if (!found.ok()) co_return found.error();
  watched->second.census = found->census;
  watched->second.places_at = places_at;
  if (on_needs_) on_needs_(partition, std::move(found->needs));
  leftovers_[partition] = std::move(found->leftovers);
  co_return Status();
}

// For a while: then it may be somebody else's turn.
Task<Status> Upkeep::look(std::vector<dht::PartitionNumber> partitions) {
  const Instant begun = env_.now();
  for (dht::PartitionNumber partition : partitions) {
    CO_RETURN_IF_ERROR(co_await look_at(partition));
    if (env_.now() - begun >= kGlance) break;
  }
  const Duration cost = env_.now() - begun;
  urgent_rested_ = env_.now() + std::min<Duration>(cost, kRestMax);
  rested_ = env_.now() + std::min<Duration>(cost * kRestShare, kRestMax);
  found_.notify_all();
  if (on_look_) on_look_(records_.led());
  co_return Status();
}

Task<void> Upkeep::run() {
  Status waited = co_await sleep_for(env_, options_.quiet);
  while (waited.ok()) {
    follow_leaderships();
    note_ages();
    std::vector<dht::PartitionNumber> turns;
    if (env_.now() >= urgent_rested_) turns = due(env_.now() < rested_);
    if (turns.empty()) {
      waited = co_await sleep_for(env_, kGlance);
    } else {
      waited = co_await look(std::move(turns));
    }
  }
}

// Each partition in its turn.
std::optional<dht::PartitionNumber> Upkeep::next_to_tidy() {
  auto next = leftovers_.upper_bound(tidied_last_);
  for (std::size_t tried = 0; tried < leftovers_.size(); ++tried, ++next) {
    if (next == leftovers_.end()) next = leftovers_.begin();
    if (!tidied_.contains(next->first)) return next->first;
  }
  return std::nullopt;
}

// The janitor works beside the looks, on what they found.
Task<void> Upkeep::tidy() {
  while (true) {
    auto next = next_to_tidy();
    if (!next) {
      bool woken = co_await found_.wait();
      if (!woken) co_return;
      continue;
    }
    tidied_last_ = *next;
    auto found = leftovers_.extract(*next);
    tidied_.insert(*next);
    Status settled = co_await janitor_.settle(std::move(found.mapped()));
    tidied_.erase(*next);
    if (settled.is(Code::cancelled)) co_return;
    Status slept = co_await sleep_for(env_, kWalkPause);
    if (!slept.ok()) co_return;
  }
}

ChunkCensus Upkeep::census(bool& complete) const {
  ChunkCensus sum;
  complete = true;
  for (dht::PartitionNumber partition : records_.led()) {
    auto watched = watched_.find(partition);
    if (watched != watched_.end() && watched->second.census) sum.add(*watched->second.census);
    complete = complete && watched != watched_.end() && current(watched->second);
  }
  return sum;
}

Upkeep::Progress Upkeep::progress() const {
  Progress progress;
  for (dht::PartitionNumber partition : records_.led()) {
    ++progress.led;
    auto watched = watched_.find(partition);
    if (watched != watched_.end() && current(watched->second)) ++progress.current;
  }
  return progress;
}

}  // namespace vortex::node
