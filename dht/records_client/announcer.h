// Tells other members where partitions are, so that few need to ask. Nothing depends on it: whoever was not told is
// redirected, or asks.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "dht/records_client/partition_table.h"
#include "net/peers.h"

namespace vortex::dht {

// What changes within this time is told together.
inline constexpr Duration kAnnouncePeriod = milliseconds(300);
// News is told in so many rounds by everybody who hears it for the first time.
inline constexpr unsigned kAnnounceRounds = 2;
// Of one message, and how many messages are under way. What finds no room waits for the next round.
inline constexpr std::size_t kAnnouncePlacesMax = 256;
inline constexpr std::size_t kAnnouncementsMax = 64;

class Announcer {
 public:
  // Who should hear of which of these partitions, in this round.
  using Audience =
      std::function<std::vector<std::pair<net::Target, std::vector<PartitionNumber>>>(std::vector<PartitionNumber>)>;

  // All of them outlive it.
  Announcer(Env& env, net::Peers& peers, const PartitionTable& table, Audience audience);

  void start() { tasks_.spawn(run()); }
  Task<void> stop();
  // The table says something new about this partition.
  void changed(PartitionNumber partition);

 private:
  Task<void> run();
  void tell_round();
  Task<void> tell(net::Target target, std::vector<net::PartitionPlace> places);

  Env& env_;
  net::Peers& peers_;
  const PartitionTable& table_;
  Audience audience_;
  std::map<PartitionNumber, unsigned> pending_;  // rounds that are left
  Parking wake_;
  Counter& told_;
  TaskGroup tasks_;
  TaskGroup calls_;
};

}  // namespace vortex::dht
