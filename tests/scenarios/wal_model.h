// What a log must hold after any crash, kept outside of the machine that writes it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/dice.h"
#include "wal/log.h"

namespace vortex::wal::test {

// A payload tells which batch it belongs to, its place there, and has a pattern that follows from both.
ByteVector make_payload(OwnerId owner, std::uint64_t batch, std::uint32_t index, std::uint32_t count, std::size_t size);
inline constexpr std::size_t kPayloadMin = 24;

class Model {
 public:
  enum class Fate { unknown, durable, failed };

  struct Plan {
    std::uint64_t batch = 0;
    std::vector<ByteVector> payloads;
    std::vector<Record> records;
  };
  // Notes a batch that is about to be appended. Call append() before anything else begins a batch.
  Plan begin(sim::Dice& dice, const std::vector<OwnerId>& owners, std::size_t records_max, std::size_t bytes_max);
  void ended(std::uint64_t batch, const Result<Appended>& result);

  // Some place that the owner may truncate to: where a batch begins, or `end`.
  Lsn place_to_truncate(sim::Dice& dice, OwnerId owner, Lsn end) const;
  void truncating(OwnerId owner, Lsn before);
  void truncated(OwnerId owner, Lsn before);
  // No batch of the owner is under way.
  bool quiet(OwnerId owner) const;
  void dropping(OwnerId owner);
  void dropped(OwnerId owner);
  // Nobody knows whether.
  void not_dropped(OwnerId owner) { owners_[owner].dropping = false; }
  bool drop_under_way(OwnerId owner) const;

  // Replays everything, compares, and takes what is there for what there is from now on. The first difference, or
  // nothing.
  class Check final : public Replayer {
   public:
    explicit Check(Model& model) : model_(model) {}
    Status record(const StoredRecord& record) override;
    std::string verdict();

   private:
    Model& model_;
    std::string first_;
    std::map<std::pair<std::uint64_t, OwnerId>, std::set<std::uint32_t>> found_;
    std::map<OwnerId, Lsn> last_;
    std::map<std::uint64_t, Lsn> first_lsn_;
  };

  std::uint64_t durable_batches() const;
  std::uint64_t batches() const { return next_batch_ - 1; }
  // The process died; nobody will be told any more.
  void crashed();

 private:
  struct Batch {
    Fate fate = Fate::unknown;
    bool under_way = true;
    std::uint32_t count = 0;
    std::map<OwnerId, std::set<std::uint32_t>> parts;  // indices of each owner's records
    Lsn first;
  };
  struct OwnerModel {
    Lsn truncated;              // acknowledged
    Lsn maybe_truncated;        // asked for
    std::uint64_t dropped = 0;  // batches up to this one are gone
    std::uint64_t maybe_dropped = 0;
    bool dropping = false;
  };
  std::string compare(std::map<std::pair<std::uint64_t, OwnerId>, std::set<std::uint32_t>>& found,
                      const std::map<std::uint64_t, Lsn>& first_lsn);

  std::uint64_t next_batch_ = 1;
  std::map<std::uint64_t, Batch> batches_;
  std::map<OwnerId, OwnerModel> owners_;
};

}  // namespace vortex::wal::test
