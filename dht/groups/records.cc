#include "dht/groups/records.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/endian.h"

namespace vortex::dht::groups {

namespace {
constexpr std::size_t kEntryHead = 17;

Error malformed(const char* what) {
  return Error(Code::damaged, std::string("a record of the log makes no sense: ") + what);
}

// A replica's term only rises, and in a term it votes once. A base may lie before an older hard state that it overtook.
void keep_later(raft::HardState& known, raft::HardState heard) {
  if (heard.term > known.term || (heard.term == known.term && !known.vote)) known = std::move(heard);
}
}  // namespace

void EntryPlaces::wrote(Index first, Index last, wal::Lsn at) {
  cut(first);
  batches_.push_back(Batch{last, at});
}

void EntryPlaces::cut(Index from) {
  while (batches_.size() > 1 && batches_[batches_.size() - 2].last >= from - 1) batches_.pop_back();
  if (!batches_.empty() && batches_.back().last >= from) batches_.back().last = from - 1;
}

void EntryPlaces::forget_to(Index index) {
  while (!batches_.empty() && batches_.front().last <= index) batches_.pop_front();
}

std::optional<wal::Lsn> EntryPlaces::behind(Index index) const {
  for (const Batch& batch : batches_)
    if (batch.last > index) return batch.at;
  return std::nullopt;
}

void Batch::add(RecordKind kind, ByteVector bytes) {
  bytes_ += wal::record_bytes(bytes.size());
  records_.emplace_back(kind, std::move(bytes));
}

std::size_t Batch::cost(const raft::Entry& entry) { return wal::record_bytes(kEntryHead + entry.data.size()); }

void Batch::add(const raft::Entry& entry) {
  ByteVector bytes(kEntryHead + entry.data.size());
  store_le(bytes.data(), entry.term);
  store_le(bytes.data() + 8, entry.index);
  bytes[16] = static_cast<std::uint8_t>(entry.kind);
  std::copy(entry.data.begin(), entry.data.end(), bytes.begin() + kEntryHead);
  add(RecordKind::entry, std::move(bytes));
}

void Batch::add_cut(Index from) {
  ByteVector bytes(8);
  store_le(bytes.data(), from);
  add(RecordKind::cut, std::move(bytes));
}

std::vector<wal::Record> Batch::records() const {
  std::vector<wal::Record> list;
  list.reserve(records_.size());
  for (const auto& [kind, bytes] : records_) {
    wal::Record& record = list.emplace_back();
    record.owner = owner_;
    record.kind = static_cast<std::uint16_t>(kind);
    record.payload = bytes;
  }
  return list;
}

Status ImageReader::record(const wal::StoredRecord& record) {
  if (record.owner == 0 || record.owner > std::numeric_limits<GroupId>::max())
    return Error(Code::damaged, "the log holds an owner that is no group");
  Image& image = images_[static_cast<GroupId>(record.owner - 1)];
  Status taken = take(image, record);
  // One group's trouble is not the others'.
  if (!taken.ok() && image.damage.empty()) image.damage = taken.error().to_string();
  return Status();
}

Status ImageReader::take(Image& image, const wal::StoredRecord& record) {
  switch (static_cast<RecordKind>(record.kind)) {
    case RecordKind::hard_state: {
      ASSIGN_OR_RETURN(auto hard_state, decode<raft::HardState>(record.payload));
      keep_later(image.hard_state, std::move(hard_state));
      return Status();
    }
    case RecordKind::entry:
      return take_entry(image, record);
    case RecordKind::cut: {
      if (record.payload.size() != 8) return malformed("a cut");
      Index from = load_le<Index>(record.payload.data());
      if (from == 0) return malformed("a cut from nowhere");
      while (!image.entries.empty() && image.entries.back().index >= from) image.entries.pop_back();
      image.places.cut(from);
      return Status();
    }
    case RecordKind::base:
      return take_base(image, record);
    case RecordKind::lost: {
      ASSIGN_OR_RETURN(image.lost, decode<Lost>(record.payload));
      image.damage = image.lost->why;
      return Status();
    }
  }
  return Error(Code::unsupported_version, "the log holds a record of an unknown kind");
}

Status ImageReader::take_entry(Image& image, const wal::StoredRecord& record) {
  if (record.payload.size() < kEntryHead) return malformed("an entry cut short");
  raft::Entry entry;
  entry.term = load_le<raft::Term>(record.payload.data());
  entry.index = load_le<Index>(record.payload.data() + 8);
  std::uint8_t kind = record.payload[16];
  if (kind > static_cast<std::uint8_t>(max_enum_value(raft::EntryKind()))) return malformed("an entry's kind");
  entry.kind = static_cast<raft::EntryKind>(kind);
  entry.data = to_vector(record.payload.subspan(kEntryHead));
  if (entry.kind == raft::EntryKind::configuration) {
    ASSIGN_OR_RETURN(auto configuration, decode<raft::Configuration>(entry.data));
    RETURN_IF_ERROR(configuration.validate());
  }
  if (image.base && entry.index <= image.base->index) return Status();
  while (!image.entries.empty() && image.entries.back().index >= entry.index) image.entries.pop_back();
  Index expected = entry.index;
  if (!image.entries.empty()) {
    expected = image.entries.back().index + 1;
  } else if (image.base) {
    expected = image.base->index + 1;
  }
  if (entry.index != expected) return malformed("entries are missing");
  image.places.wrote(entry.index, entry.index, record.lsn);
  image.entries.push_back(std::move(entry));
  return Status();
}

Status ImageReader::take_base(Image& image, const wal::StoredRecord& record) {
  ASSIGN_OR_RETURN(Base base, decode<Base>(record.payload));
  if (base.discard) {
    image.entries.clear();
    image.places.clear();
  }
  while (!image.entries.empty() && image.entries.front().index <= base.index) image.entries.pop_front();
  if (!image.entries.empty() && image.entries.front().index != base.index + 1)
    return malformed("entries behind a checkpoint are missing");
  image.places.forget_to(base.index);
  // Of another replica of this node nothing is left.
  if (image.base && image.base->self != base.self) image.hard_state = raft::HardState();
  keep_later(image.hard_state, base.hard_state);
  image.base = std::move(base);
  return Status();
}

}  // namespace vortex::dht::groups
