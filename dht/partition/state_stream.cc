#include "dht/partition/state_stream.h"

#include "base/endian.h"
#include "dht/partition/limits.h"

namespace vortex::dht {

namespace {

enum class Item : std::uint8_t { tables = 1, record = 2, record_elsewhere = 3, end = 4 };

constexpr std::size_t kItemHead = sizeof(std::uint32_t) + sizeof(Item);
constexpr std::size_t kTablesPart = 64 * kKiB;
constexpr std::size_t kItemMax = kRecordValueMax + kRecordNameMax + 64;
static_assert(kTablesPart < kItemMax);
// Sessions, transactions and what they will write.
constexpr std::size_t kTablesMax = 1 * kGiB;

Error broken(const char* what) { return Error(Code::damaged, std::string("a partition's state: ") + what); }

void begin_item(Item kind, std::size_t size, ByteVector& out) {
  Encoder encoder(out);
  encoder.put(static_cast<std::uint32_t>(size));
  encoder.put(static_cast<std::uint8_t>(kind));
}

}  // namespace

void write_tables(const ByteVector& tables, ByteVector& out) {
  for (std::size_t at = 0; at < tables.size(); at += kTablesPart) {
    ByteView part = ByteView(tables).subspan(at, std::min(kTablesPart, tables.size() - at));
    begin_item(Item::tables, part.size(), out);
    Encoder(out).put_raw(part);
  }
}

void write_record(const KeyView& key, Version version, ByteView value, bool elsewhere, ByteVector& out) {
  constexpr std::size_t kFields = Id::kSize + sizeof(Version) + sizeof(std::uint16_t);
  begin_item(elsewhere ? Item::record_elsewhere : Item::record, kFields + key.name.size() + value.size(), out);
  Encoder encoder(out);
  encoder.put(key.place);
  encoder.put(version);
  encoder.put(static_cast<std::uint16_t>(key.name.size()));
  encoder.put_raw(key.name);
  encoder.put_raw(value);
}

void write_end(std::uint64_t records, ByteVector& out) {
  begin_item(Item::end, sizeof(records), out);
  Encoder(out).put(records);
}

Status StateReader::feed(ByteView bytes, std::size_t in_memory_max) {
  while (!bytes.empty()) {
    if (ended_) return broken("bytes behind its end");
    // An item that came in parts is put together; all others are read where they are.
    ByteView item = bytes;
    if (!rest_.empty()) {
      const std::size_t head = rest_.size() < kItemHead ? kItemHead - rest_.size() : 0;
      std::size_t wanted = head;
      if (head == 0) wanted = kItemHead + load_le<std::uint32_t>(rest_.data()) - rest_.size();
      const std::size_t taken = std::min(wanted, bytes.size());
      rest_.insert(rest_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
      bytes = bytes.subspan(taken);
      item = rest_;
    }
    const bool headed = item.size() >= kItemHead;
    const std::size_t size = headed ? load_le<std::uint32_t>(item.data()) : 0;
    if (size > kItemMax) return broken("an item is too large");
    if (!headed || item.size() < kItemHead + size) {
      if (!rest_.empty()) continue;
      rest_ = to_vector(bytes);
      return Status();
    }
    RETURN_IF_ERROR(take_item(item.first(kItemHead + size), in_memory_max));
    if (rest_.empty()) {
      bytes = bytes.subspan(kItemHead + size);
    } else {
      rest_.clear();
    }
  }
  return Status();
}

Status StateReader::take_item(ByteView item, std::size_t in_memory_max) {
  const auto kind = static_cast<Item>(item[sizeof(std::uint32_t)]);
  ByteView content = item.subspan(kItemHead);
  if (kind == Item::tables) {
    if (tables_taken_ || tables_.size() + content.size() > kTablesMax) return broken("tables at the wrong place");
    tables_.insert(tables_.end(), content.begin(), content.end());
    return Status();
  }
  if (!tables_taken_) RETURN_IF_ERROR(take_tables());
  if (kind == Item::record || kind == Item::record_elsewhere) return take_record(item, in_memory_max);
  if (kind != Item::end || content.size() != sizeof(std::uint64_t)) return broken("an item of no known kind");
  if (load_le<std::uint64_t>(content.data()) != records_) return broken("records are missing");
  ended_ = true;
  return Status();
}

Status StateReader::take_tables() {
  Decoder decoder(tables_);
  if (!partition_.decode_tables(decoder) || !decoder.finished()) return broken("its tables make no sense");
  tables_taken_ = true;
  tables_ = ByteVector();
  return Status();
}

Status StateReader::take_record(ByteView item, std::size_t in_memory_max) {
  const bool elsewhere = static_cast<Item>(item[sizeof(std::uint32_t)]) == Item::record_elsewhere;
  Decoder decoder(item.subspan(kItemHead));
  Id place;
  Version version = 0;
  std::uint16_t name_size = 0;
  decoder(place, version, name_size);
  ByteView name = decoder.take(name_size);
  if (!decoder.ok() || version == 0 || name.size() > kRecordNameMax) return broken("a record is cut short");
  ByteView value = decoder.take(decoder.left());
  if (value.size() > kRecordValueMax || (elsewhere && !decode<Whereabouts>(value).ok()))
    return broken("a value makes no sense");
  const KeyView key(place, name);
  if (records_ > 0 && compare(key, last_) <= 0) return broken("records are out of order");
  last_ = key.copy();
  ++records_;
  if (!elsewhere && value.size() > in_memory_max) {
    LargeRecord large;
    large.key = last_;
    large.version = version;
    large.value = to_vector(value);
    large_.push_back(std::move(large));
    return Status();
  }
  partition_.restore_record(key, version, value, elsewhere);
  return Status();
}

Status StateReader::finish() {
  if (!ended_ || !rest_.empty()) return broken("it is cut short");
  return Status();
}

}  // namespace vortex::dht
