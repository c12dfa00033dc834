#include "tests/scenarios/wal_model.h"

#include <algorithm>

#include "base/endian.h"
#include "base/hash.h"

namespace vortex::wal::test {

ByteVector make_payload(OwnerId owner, std::uint64_t batch, std::uint32_t index, std::uint32_t count,
                        std::size_t size) {
  ByteVector bytes(std::max(size, kPayloadMin));
  store_le(bytes.data(), owner);
  store_le(bytes.data() + 8, batch);
  store_le(bytes.data() + 16, index);
  store_le(bytes.data() + 20, count);
  std::uint64_t state = owner * 1000003 + batch * 8191 + index;
  for (std::size_t i = kPayloadMin; i < bytes.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = static_cast<std::uint8_t>(state >> 56);
  }
  return bytes;
}

Model::Plan Model::begin(sim::Dice& dice, const std::vector<OwnerId>& owners, std::size_t records_max,
                         std::size_t bytes_max) {
  Plan plan;
  plan.batch = next_batch_++;
  Batch& batch = batches_[plan.batch];
  batch.count = static_cast<std::uint32_t>(1 + dice.below(records_max));
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    OwnerId owner = owners[dice.below(owners.size())];
    batch.parts[owner].insert(i);
    plan.payloads.push_back(make_payload(owner, plan.batch, i, batch.count, dice.below(bytes_max)));
    Record record;
    record.owner = owner;
    record.kind = static_cast<std::uint16_t>(plan.batch);
    plan.records.push_back(record);
  }
  for (std::size_t i = 0; i < plan.payloads.size(); ++i) {
    std::size_t split = dice.below(kPayloadMin);
    plan.records[i].prefix = ByteView(plan.payloads[i]).first(split);
    plan.records[i].payload = ByteView(plan.payloads[i]).subspan(split);
  }
  return plan;
}

void Model::ended(std::uint64_t id, const Result<Appended>& result) {
  Batch& batch = batches_.at(id);
  batch.under_way = false;
  if (result.ok()) {
    batch.fate = Fate::durable;
    batch.first = result->first;
  } else if (!result.is(Code::cancelled)) {
    batch.fate = Fate::failed;
  }
}

Lsn Model::place_to_truncate(sim::Dice& dice, OwnerId owner, Lsn end) const {
  std::vector<Lsn> places{end};
  for (const auto& [id, batch] : batches_)
    if (batch.fate == Fate::durable && batch.parts.contains(owner)) places.push_back(batch.first);
  return places[dice.below(places.size())];
}

void Model::truncating(OwnerId owner, Lsn before) {
  OwnerModel& model = owners_[owner];
  model.maybe_truncated = std::max(model.maybe_truncated, before);
}

void Model::truncated(OwnerId owner, Lsn before) {
  OwnerModel& model = owners_[owner];
  model.truncated = std::max(model.truncated, before);
}

bool Model::quiet(OwnerId owner) const {
  return std::none_of(batches_.begin(), batches_.end(), [owner](const auto& entry) {
    return entry.second.under_way && entry.second.parts.contains(owner);
  });
}

void Model::dropping(OwnerId owner) {
  owners_[owner].dropping = true;
  owners_[owner].maybe_dropped = next_batch_ - 1;
}

void Model::dropped(OwnerId owner) {
  owners_[owner].dropping = false;
  owners_[owner].dropped = owners_[owner].maybe_dropped;
}

bool Model::drop_under_way(OwnerId owner) const {
  auto at = owners_.find(owner);
  return at != owners_.end() && at->second.dropping;
}

void Model::crashed() {
  for (auto& [id, batch] : batches_) batch.under_way = false;
  for (auto& [id, owner] : owners_) owner.dropping = false;
}

std::uint64_t Model::durable_batches() const {
  return static_cast<std::uint64_t>(std::count_if(
      batches_.begin(), batches_.end(), [](const auto& entry) { return entry.second.fate == Fate::durable; }));
}

Status Model::Check::record(const StoredRecord& record) {
  auto complain = [this](std::string text) {
    if (first_.empty()) first_ = std::move(text);
    return Status();
  };
  if (record.payload.size() < kPayloadMin) return complain("a payload is too short");
  auto owner = load_le<std::uint64_t>(record.payload.data());
  auto batch = load_le<std::uint64_t>(record.payload.data() + 8);
  auto index = load_le<std::uint32_t>(record.payload.data() + 16);
  auto count = load_le<std::uint32_t>(record.payload.data() + 20);
  std::string name = "batch " + std::to_string(batch) + " owner " + std::to_string(owner);
  if (owner != record.owner) return complain(name + " came back as another owner's");
  if (!equal(record.payload, make_payload(owner, batch, index, count, record.payload.size())))
    return complain(name + " came back changed");
  if (record.kind != static_cast<std::uint16_t>(batch)) return complain(name + " has another kind");
  if (record.last_of_batch != (index + 1 == count)) return complain(name + " ends elsewhere");
  if (auto [at, added] = last_.emplace(owner, record.lsn); !added) {
    if (at->second >= record.lsn) return complain(name + " is out of order");
    at->second = record.lsn;
  }
  if (!found_[{batch, owner}].insert(index).second) return complain(name + " came twice");
  first_lsn_.try_emplace(batch, record.lsn);
  return Status();
}

std::string Model::Check::verdict() {
  if (first_.empty()) first_ = model_.compare(found_, first_lsn_);
  return first_;
}

std::string Model::compare(std::map<std::pair<std::uint64_t, OwnerId>, std::set<std::uint32_t>>& found,
                           const std::map<std::uint64_t, Lsn>& first_lsn) {
  // Of those nobody was told about, the log holds a beginning in the order in which they were appended.
  std::uint64_t first_absent = 0;
  for (auto& [id, batch] : batches_) {
    std::string name = "batch " + std::to_string(id);
    if (auto at = first_lsn.find(id); at != first_lsn.end() && batch.first == Lsn()) batch.first = at->second;
    bool any = false, absent = false;
    for (const auto& [owner, indices] : batch.parts) {
      const OwnerModel& model = owners_[owner];
      std::string part = name + " of owner " + std::to_string(owner);
      auto at = found.find({id, owner});
      bool present = at != found.end();
      if (present && at->second != indices) return part + " is not whole";
      if (present) found.erase(at);
      bool gone = id <= model.dropped || (batch.first != Lsn() && batch.first < model.truncated);
      bool maybe_gone = id <= model.maybe_dropped || (batch.first != Lsn() && batch.first < model.maybe_truncated);
      if (present && gone) return part + " returned after it was truncated";
      if (!present && !maybe_gone && batch.fate == Fate::durable)
        return part + " is lost: at " + batch.first.to_string() + ", truncated " + model.truncated.to_string() +
               " maybe " + model.maybe_truncated.to_string() + " dropped " + std::to_string(model.dropped) + " maybe " +
               std::to_string(model.maybe_dropped);
      if (!present && !maybe_gone) absent = true;
      any = any || present;
    }
    if (any && absent) return name + " is there for some owners only";
    if (any && batch.fate == Fate::failed && first_absent == 0) batch.fate = Fate::durable;
    if (absent && batch.fate == Fate::unknown && first_absent == 0) first_absent = id;
    if (any && first_absent != 0)
      return name + " is there without batch " + std::to_string(first_absent) + " before it";
    if (any) batch.fate = Fate::durable;
  }
  if (!found.empty()) return "batch " + std::to_string(found.begin()->first.first) + " was never appended";
  // From now on what is there counts as known, and what is not never was.
  std::erase_if(batches_, [](const auto& entry) { return entry.second.fate != Fate::durable; });
  return std::string();
}

}  // namespace vortex::wal::test
