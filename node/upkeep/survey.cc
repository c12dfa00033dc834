#include "node/upkeep/survey.h"

#include <algorithm>

#include "base/hash.h"

namespace vortex::node {

namespace {

template <class T>
void note(std::vector<T>& list, T item) {
  if (list.size() < kFindingsMax) list.push_back(std::move(item));
}

std::optional<Id> id_behind(ByteView name) {
  if (name.size() != Id::kSize) return std::nullopt;
  Id id;
  std::copy(name.begin(), name.end(), id.bytes.begin());
  return id;
}

// The records of one chunk stand together, its own before those that refer to it.
class Surveyor {
 public:
  Surveyor(Places& places, const SurveyTerms& terms) : places_(places), terms_(terms) {}

  void take(const dht::PackedRecord& record) {
    const dht::KeyView key = record.key();
    if (key.name.empty()) return;
    if (open_ && key.place != chunk_) close();
    // Large values are elsewhere, and none of those looked into here can be: what they hold is asked for later.
    switch (static_cast<RecordKind>(key.name.front())) {
      case RecordKind::header:
        if (key.name.size() == 1 && !record.elsewhere()) header(key.place, record.value());
        break;
      case RecordKind::operation:
        operation(record);
        break;
      case RecordKind::upload:
        upload(record);
        break;
      case RecordKind::release:
        release(record);
        break;
      case RecordKind::reference:
        reference(record);
        break;
      default:
        break;
    }
  }
  Findings finish() {
    if (open_) close();
    std::sort(found_.needs.begin(), found_.needs.end());
    return std::move(found_);
  }

 private:
  // Has what bears this stamp been there for so long?
  bool older(const dht::KeyView& key, FileTime at, Duration age) const {
    if (at <= terms_.now || !terms_.stamps) return at <= terms_.now - FileTime(age.count());
    std::uint64_t hash = xxh3(key.place.bytes) ^ xxh3(key.name);
    return terms_.stamps->seen_for(hash, terms_.steady, age);
  }

  void header(const Id& place, ByteView value) {
    auto record = chunk_record_in(place, value);
    if (!record) return;
    open_ = true;
    chunk_ = place;
    record_ = std::move(*record);
    references_ = 0;
    replicas_ = 0;
  }

  void reference(const dht::PackedRecord& record) {
    const dht::KeyView key = record.key();
    auto upload = id_behind(key.name.subspan(1));
    auto reference = decode_record<Reference>(record.value());
    if (!upload || !reference.ok()) return;
    if (open_) {
      ++references_;
      replicas_ = std::max(replicas_, reference->replicas);
    }
    if (reference->confirmed) return;
    PendingReference pending;
    pending.chunk = key.place;
    pending.upload = reference->upload;
    note(found_.leftovers.references, std::move(pending));
  }

  void close() {
    open_ = false;
    ChunkCensus& census = found_.census;
    if (references_ == 0 && record_.condemned == 0) note(found_.leftovers.unreferenced, chunk_);
    bool doomed = record_.condemned != 0 && references_ == 0;
    const ByteVector header = begin_of(RecordKind::header);
    bool due = doomed && older(dht::KeyView(chunk_, header), record_.condemned, terms_.reclaim_grace);
    if (due || !record_.drops.empty()) {
      DoomedChunk chunk;
      chunk.chunk = chunk_;
      if (due) chunk.condemned_before = record_.condemned + 1;
      note(found_.leftovers.doomed, chunk);
    }
    if (references_ == 0) {
      ++census.condemned;
      return;
    }
    if (replicas_ < record_.replicas) note(found_.leftovers.overrated, chunk_);
    ChunkNeed need = judge(chunk_, record_, places_);
    ++census.chunks;
    census.bytes += record_.stored_size;
    census.lost += need.lost ? 1 : 0;
    census.endangered += need.endangered ? 1 : 0;
    census.under += need.under() ? 1 : 0;
    census.misplaced += need.misplaced ? 1 : 0;
    census.bytes_missing += need.add.size() * record_.stored_size;
    if (need.idle()) return;
    RepairNeed task;
    task.urgency = Urgency::misplaced;
    if (need.under() && !need.add.empty()) task.urgency = Urgency::missing;
    if (need.endangered && !need.add.empty()) task.urgency = Urgency::endangered;
    task.chunk = chunk_;
    task.size = record_.stored_size;
    note(found_.needs, task);
  }

  void upload(const dht::PackedRecord& record) {
    const dht::KeyView key = record.key();
    auto id = id_behind(key.name.subspan(1));
    if (!id) return;
    SilentUpload silent;
    silent.name.place = key.place;
    silent.name.id = *id;
    silent.silent_since = terms_.now - FileTime(terms_.upload_silence.count());
    if (!record.elsewhere()) {
      auto upload = decode_record<Upload>(record.value());
      if (!upload.ok()) return;
      Duration age = upload->state == UploadState::open ? terms_.upload_silence : terms_.follow_up;
      if (!older(key, upload->renewed, age)) return;
      silent.silent_since = upload->renewed + 1;
    }
    note(found_.leftovers.uploads, silent);
  }

  void release(const dht::PackedRecord& record) {
    if (!record.elsewhere()) {
      auto release = decode_record<Release>(record.value());
      if (!release.ok() || !older(record.key(), release->at, terms_.follow_up)) return;
    }
    note(found_.leftovers.releases, record.key().copy());
  }

  void operation(const dht::PackedRecord& record) {
    auto operation = decode_record<OperationRecord>(record.value());
    if (!operation.ok() || !older(record.key(), operation->at, terms_.operations_kept)) return;
    VersionedKey old;
    old.key = record.key().copy();
    old.version = record.version();
    note(found_.leftovers.operations, std::move(old));
  }

  Places& places_;
  const SurveyTerms& terms_;
  Findings found_;
  bool open_ = false;
  Id chunk_;
  ChunkRecord record_;
  std::size_t references_ = 0;
  std::uint8_t replicas_ = 0;
};

}  // namespace

bool FutureStamps::seen_for(std::uint64_t key, Instant now, Duration age) {
  auto seen = seen_.find(key);
  if (seen == seen_.end()) {
    if (seen_.size() >= kStampsMax) return false;
    seen = seen_.emplace(key, Seen()).first;
    seen->second.since = now;
  }
  seen->second.look = look_;
  return now - seen->second.since >= age;
}

void FutureStamps::end_look() {
  std::erase_if(seen_, [this](const auto& entry) { return entry.second.look != look_; });
  ++look_;
}

void ChunkCensus::add(const ChunkCensus& other) {
  chunks += other.chunks;
  condemned += other.condemned;
  lost += other.lost;
  endangered += other.endangered;
  under += other.under;
  misplaced += other.misplaced;
  bytes += other.bytes;
  bytes_missing += other.bytes_missing;
}

std::optional<ChunkRecord> chunk_record_in(const Id& place, ByteView value) {
  bool names_itself = value.size() > Id::kSize && equal(value.subspan(1, Id::kSize), place.bytes);
  if (names_itself || place == moves_place()) return std::nullopt;
  auto record = decode_record<ChunkRecord>(value);
  if (!record.ok()) return std::nullopt;
  return std::move(*record);
}

Task<Result<Findings>> survey(Env& env, const LedRecords& records, dht::PartitionNumber partition, Places& places,
                              SurveyTerms terms) {
  Surveyor surveyor(places, terms);
  Surveyor* to = &surveyor;
  VisitRecord visit = [to](const dht::PackedRecord& record) {
    to->take(record);
    return true;
  };
  dht::Key first;
  CO_RETURN_IF_ERROR(co_await walk_records(env, records, partition, std::move(first), std::move(visit)));
  co_return surveyor.finish();
}

}  // namespace vortex::node
