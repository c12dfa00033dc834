#include "node/upkeep/survey.h"

#include <algorithm>

namespace vortex::node {

namespace {

enum class Kind : std::uint8_t {
  upload,
  release,
  reference,
  unreferenced,
  overrated,
  doomed,
  operation,
  endangered,
  missing,
  misplaced,
};
static_assert(kFindingKinds == static_cast<std::size_t>(Kind::misplaced) + 1);

std::optional<Id> id_behind(ByteView name) {
  if (name.size() != Id::kSize) return std::nullopt;
  Id id;
  std::copy(name.begin(), name.end(), id.bytes.begin());
  return id;
}

// The records of one chunk stand together, its own before those that refer to it.
class Surveyor {
 public:
  Surveyor(Places& places, const SurveyTerms& terms, const SurveyPlace& place)
      : places_(places), terms_(terms), from_(place.from) {}

  void take(const dht::PackedRecord& record) {
    const dht::KeyView key = record.key();
    if (key.name.empty()) return;
    if (open_ && key.place != chunk_) close();
    // Large values are elsewhere, and none of those looked into here can be: what they hold is asked for later.
    switch (static_cast<RecordKind>(key.name.front())) {
      case RecordKind::header:
        if (key.name.size() == 1 && !record.elsewhere()) header(key.place, record.value(), record.version());
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
  Findings finish(SurveyPlace& place) {
    if (open_) close();
    std::sort(found_.needs.begin(), found_.needs.end());
    // What lies before the place where a kind began has its turn in the next look.
    for (std::size_t kind = 0; kind < kFindingKinds; ++kind) found_.more = found_.more || next_[kind] || from_[kind];
    place.from = std::move(next_);
    return std::move(found_);
  }

 private:
  template <class T>
  void note(Kind kind, const dht::KeyView& key, std::vector<T>& list, T item) {
    const auto at = static_cast<std::size_t>(kind);
    if (next_[at] || (from_[at] && compare(key, dht::KeyView(*from_[at])) < 0)) return;
    if (noted_[at]++ < kFindingsMax) {
      list.push_back(std::move(item));
    } else {
      next_[at] = key.copy();
    }
  }

  bool unchanged_for(dht::Version version, Duration age) const {
    return terms_.ages && version <= terms_.ages->unchanged_for(age, terms_.now);
  }

  void header(const Id& place, ByteView value, dht::Version version) {
    auto record = chunk_record_in(place, value);
    if (!record) return;
    open_ = true;
    chunk_ = place;
    record_ = std::move(*record);
    version_ = version;
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
    note(Kind::reference, key, found_.leftovers.references, std::move(pending));
  }

  void close() {
    open_ = false;
    ChunkCensus& census = found_.census;
    const ByteVector header = begin_of(RecordKind::header);
    const dht::KeyView key(chunk_, header);
    if (references_ == 0 && record_.condemned == 0)
      note(Kind::unreferenced, key, found_.leftovers.unreferenced, chunk_);
    bool doomed = record_.condemned != 0 && references_ == 0;
    // One that nobody held has nothing to wait for; after drops, a receipt for what was erased may be on its way.
    const bool bare = record_.condemned != 0 && record_.holders.empty();
    bool due = doomed && ((bare && record_.drops.empty()) || unchanged_for(version_, terms_.reclaim_grace));
    if (due || (bare ? to_erase(record_) : !record_.drops.empty())) {
      DoomedChunk chunk;
      chunk.chunk = chunk_;
      if (due) chunk.condemned = record_.condemned;
      note(Kind::doomed, key, found_.leftovers.doomed, chunk);
    }
    if (references_ == 0) {
      ++census.condemned;
      return;
    }
    if (replicas_ < record_.replicas) note(Kind::overrated, key, found_.leftovers.overrated, chunk_);
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
    Kind kind = Kind::misplaced;
    if (need.under() && !need.add.empty()) kind = Kind::missing;
    if (need.endangered && !need.add.empty()) kind = Kind::endangered;
    if (kind == Kind::missing) task.urgency = Urgency::missing;
    if (kind == Kind::endangered) task.urgency = Urgency::endangered;
    task.chunk = chunk_;
    task.size = need.add.size() * record_.stored_size;
    note(kind, key, found_.needs, task);
  }

  void upload(const dht::PackedRecord& record) {
    const dht::KeyView key = record.key();
    auto id = id_behind(key.name.subspan(1));
    if (!id) return;
    SilentUpload silent;
    silent.name.place = key.place;
    silent.name.id = *id;
    silent.version = record.version();
    silent.settled = unchanged_for(record.version(), terms_.unconfirmed_kept);
    Duration age = terms_.upload_silence;
    if (!record.elsewhere()) {
      auto upload = decode_record<Upload>(record.value());
      if (!upload.ok()) return;
      if (upload->state != UploadState::open) age = terms_.follow_up;
    }
    if (unchanged_for(record.version(), age)) note(Kind::upload, key, found_.leftovers.uploads, silent);
  }

  void release(const dht::PackedRecord& record) {
    if (!unchanged_for(record.version(), terms_.follow_up)) return;
    note(Kind::release, record.key(), found_.leftovers.releases, record.key().copy());
  }

  void operation(const dht::PackedRecord& record) {
    if (!unchanged_for(record.version(), terms_.operations_kept)) return;
    VersionedKey old;
    old.key = record.key().copy();
    old.version = record.version();
    note(Kind::operation, record.key(), found_.leftovers.operations, std::move(old));
  }

  Places& places_;
  const SurveyTerms& terms_;
  const std::array<std::optional<dht::Key>, kFindingKinds> from_;
  std::array<std::optional<dht::Key>, kFindingKinds> next_;
  std::array<std::size_t, kFindingKinds> noted_{};
  Findings found_;
  bool open_ = false;
  Id chunk_;
  ChunkRecord record_;
  dht::Version version_ = 0;
  std::size_t references_ = 0;
  std::uint8_t replicas_ = 0;
};

}  // namespace

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
                              SurveyTerms terms, SurveyPlace& place) {
  Surveyor surveyor(places, terms, place);
  Surveyor* to = &surveyor;
  VisitRecord visit = [to](const dht::PackedRecord& record) {
    to->take(record);
    return true;
  };
  dht::Key first;
  CO_RETURN_IF_ERROR(co_await walk_records(env, records, partition, std::move(first), std::move(visit)));
  co_return surveyor.finish(place);
}

}  // namespace vortex::node
