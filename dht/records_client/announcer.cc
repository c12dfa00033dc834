#include "dht/records_client/announcer.h"

#include <algorithm>

#include "net/channel.h"

namespace vortex::dht {

namespace {
constexpr Duration kAnnouncePatience = seconds(2);
}  // namespace

Announcer::Announcer(Env& env, net::Peers& peers, const PartitionTable& table, Audience audience)
    : env_(env),
      peers_(peers),
      table_(table),
      audience_(std::move(audience)),
      wake_(env.loop()),
      told_(env.metrics().counter("partition_places_told_total", "places of partitions told to other members unasked")),
      tasks_(env.loop()),
      calls_(env.loop()) {}

Task<void> Announcer::stop() {
  co_await tasks_.stop();
  co_await calls_.stop();
}

void Announcer::changed(PartitionNumber partition) {
  pending_[partition] = kAnnounceRounds;
  wake_.wake();
}

Task<void> Announcer::run() {
  while (true) {
    if (pending_.empty()) {
      bool woken = co_await wake_.park();
      if (!woken) co_return;
    }
    Status slept = co_await sleep_for(env_, kAnnouncePeriod);
    if (!slept.ok()) co_return;
    tell_round();
  }
}

void Announcer::tell_round() {
  std::vector<PartitionNumber> partitions;
  for (const auto& [partition, rounds] : pending_) partitions.push_back(partition);
  for (auto& [target, wanted] : audience_(std::move(partitions))) {
    for (std::size_t from = 0; from < wanted.size(); from += kAnnouncePlacesMax) {
      if (calls_.size() >= kAnnouncementsMax) return;
      std::vector<net::PartitionPlace> places;
      for (std::size_t i = from; i < std::min(wanted.size(), from + kAnnouncePlacesMax); ++i)
        if (const net::PartitionPlace* place = table_.find(wanted[i])) places.push_back(*place);
      told_.add(places.size());
      if (!places.empty()) calls_.spawn(tell(target, std::move(places)));
    }
  }
  for (auto& [partition, rounds] : pending_) --rounds;
  std::erase_if(pending_, [](const auto& entry) { return entry.second == 0; });
}

Task<void> Announcer::tell(net::Target target, std::vector<net::PartitionPlace> places) {
  net::TellPartitionsRequest request;
  request.places = std::move(places);
  const net::CallOptions options(kAnnouncePatience);
  auto told = co_await peers_.call<net::TellPartitions>(std::move(target), std::move(request), options);
  (void)told.ok();  // others tell it, or it asks
}

}  // namespace vortex::dht
