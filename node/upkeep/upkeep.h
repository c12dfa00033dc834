// The loop behind the managers: again and again a look over every partition that this node leads, and what it finds
// goes to those whose work it is.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/event.h"
#include "base/task_group.h"
#include "node/janitor/janitor.h"
#include "node/upkeep/survey.h"

namespace vortex::node {

struct UpkeepOptions {
  Duration reclaim_grace = std::chrono::hours(1);
  Duration upload_silence = std::chrono::minutes(10);
  Duration follow_up = seconds(30);
  // Between two looks at the same partition; longer when looking takes long, so that it costs a small share of the
  // time.
  Duration period = seconds(5);
  // After the start: who is there must first be known.
  Duration quiet = seconds(2);

  UpkeepOptions() {}
};

class Upkeep {
 public:
  // All outlive it.
  Upkeep(Env& env, const LedRecords& records, Places& places, Janitor& janitor, UpkeepOptions options);
  void start();
  Task<void> stop();
  // Looks at it soon, if it is led here.
  void hurry(dht::PartitionNumber partition);

  // Told on the loop thread what chunks of a partition need; instead of what was said of it before.
  using OnNeeds = std::function<void(dht::PartitionNumber, std::vector<RepairNeed>)>;
  void on_needs(OnNeeds observer) { on_needs_ = std::move(observer); }
  // After looks, with all partitions led here.
  using OnLook = std::function<void(const std::vector<dht::PartitionNumber>&)>;
  void on_look(OnLook observer) { on_look_ = std::move(observer); }
  // Of all partitions led here; `complete` when each was looked at since the members last changed.
  ChunkCensus census(bool& complete) const;
  struct Progress {
    std::size_t led = 0;
    std::size_t current = 0;  // looked at since the members last changed
  };
  Progress progress() const;

 private:
  // A partition led here.
  struct Watched {
    std::optional<ChunkCensus> census;  // as it was last seen; none yet since it is led here
    std::uint64_t places_at = 0;        // Places::changes() then
    std::optional<Instant> looked;
    bool hurry = false;
    SurveyPlace place;  // where the next look goes on
  };

  Task<void> run();
  Task<void> tidy();
  void follow_leaderships();
  bool current(const Watched& watched) const;
  // Those whose turn it is, the most urgent first. `urgent`: only those that are not counted as things are now.
  std::vector<dht::PartitionNumber> due(bool urgent) const;
  Task<Status> look(std::vector<dht::PartitionNumber> partitions);
  Task<Status> look_at(dht::PartitionNumber partition);
  SurveyTerms terms(dht::PartitionNumber partition) const;
  void note_ages();
  std::optional<dht::PartitionNumber> next_to_tidy();

  Env& env_;
  const LedRecords& records_;
  Places& places_;
  Janitor& janitor_;
  const UpkeepOptions options_;
  OnNeeds on_needs_;
  OnLook on_look_;
  std::map<dht::PartitionNumber, Watched> watched_;
  std::map<dht::PartitionNumber, Ages> ages_;  // of all held here, so that who takes a lead over knows them
  Instant aged_{};
  std::map<dht::PartitionNumber, Leftovers> leftovers_;  // of the last look at each, for the janitor
  std::set<dht::PartitionNumber> tidied_;                // just now
  dht::PartitionNumber tidied_last_ = 0;
  Event found_;
  Instant rested_{};         // until then nobody has his regular turn
  Instant urgent_rested_{};  // nor anybody at all
  TaskGroup tasks_;
};

}  // namespace vortex::node
