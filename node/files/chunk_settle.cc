// What happens to uploads, references and chunks after the commit, or after their writer is gone.
#include "node/files/chunk_records.h"

namespace vortex::node {

namespace {

constexpr unsigned kTriesMax = 100;

dht::Key reference_key(const ChunkId& chunk, const Id& upload) {
  return key_of(chunk, RecordKind::reference, upload.bytes);
}
dht::Key chunk_key(const ChunkId& chunk) { return key_of(chunk, RecordKind::header); }

void require_unreferenced(Plan& plan, const ChunkId& chunk) {
  plan.require_empty(key_of(chunk, RecordKind::reference), end_of(RecordKind::reference));
}

}  // namespace

Task<Status> ChunkRecords::confirm_reference(ChunkId chunk, UploadName upload, Id inode, Duration timeout) {
  dht::Key key = reference_key(chunk, upload.id);
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
    // Not by this upload, or let go again.
    if (!record) co_return Status();
    CO_ASSIGN_OR_RETURN(Reference reference, decode_record<Reference>(record->value));
    if (reference.confirmed) co_return Status();
    reference.confirmed = true;
    reference.inode = inode;
    Plan plan;
    plan.require_version(key, record->version);
    plan.write(key, encode_record(reference));
    CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
    if (done) co_return Status();
  }
  co_return Code::busy;
}

Task<Status> ChunkRecords::confirm(UploadName name, chunker::NodeSource& nodes, bool settled, Duration timeout) {
  dht::Key key = key_of(name.place, RecordKind::upload, name.id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
  if (!record) co_return Status();
  CO_ASSIGN_OR_RETURN(Upload upload, decode_record<Upload>(record->value));
  if (upload.state != UploadState::committed) co_return Error(Code::precondition_failed, "the upload is not committed");
  if (upload.manifest) {
    Id inode = upload.inode;
    ChunkRecords* self = this;
    ChunkWalk walk(env_, nodes, [self, name, inode, timeout](ChunkId chunk) {
      return self->confirm_reference(chunk, name, inode, timeout);
    });
    CO_RETURN_IF_ERROR(co_await walk.run(std::move(*upload.manifest)));
    // An edit has let go of a node already, and what is below it may be in use all the same. As long as this record
    // stands, those who meet such a reference confirm it.
    if (walk.missing() > 0 && !settled) co_return Status();
  }
  // Every reference that counts names the inode now; a pending one of a missing upload is one that does not.
  Plan plan;
  plan.require_version(key, record->version);
  plan.erase(key);
  auto erased = co_await commit(std::move(plan), timeout);
  if (!erased.ok()) co_return erased.error();
  co_return Status();
}

Task<Status> ChunkRecords::settle_reference(ChunkId chunk, Id upload_id, Duration timeout) {
  dht::Key key = reference_key(chunk, upload_id);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
  if (!record) co_return Status();
  CO_ASSIGN_OR_RETURN(Reference reference, decode_record<Reference>(record->value));
  if (reference.confirmed) co_return Status();
  dht::Key upload_key = key_of(reference.upload.place, RecordKind::upload, upload_id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(upload_key, timeout));
  Upload upload;
  upload.state = UploadState::aborted;
  if (found) {
    CO_ASSIGN_OR_RETURN(upload, decode_record<Upload>(found->value));
  }
  if (upload.state == UploadState::open) co_return Status();
  if (upload.state == UploadState::committed)
    co_return co_await confirm_reference(chunk, reference.upload, upload.inode, timeout);
  // As it was before we looked at the upload: a confirmation in between wins.
  Plan plan;
  plan.require_version(key, record->version);
  plan.erase(key);
  CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
  if (!done) co_return Status();
  co_return co_await condemn(chunk, timeout);
}

Task<Status> ChunkRecords::settle_upload(UploadName name, dht::Version version, bool settled,
                                         chunker::NodeSource& nodes, Duration timeout) {
  dht::Key key = key_of(name.place, RecordKind::upload, name.id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
  if (!record) co_return Status();
  CO_ASSIGN_OR_RETURN(Upload upload, decode_record<Upload>(record->value));
  if (upload.state == UploadState::committed) co_return co_await confirm(name, nodes, settled, timeout);
  if (upload.state == UploadState::open && record->version != version) co_return Status();
  Plan plan;
  plan.require_version(key, record->version);
  if (upload.state == UploadState::open) {
    upload.state = UploadState::aborted;
    plan.write(key, encode_record(upload));
  } else {
    plan.erase(key);
  }
  auto done = co_await commit(std::move(plan), timeout);
  if (!done.ok()) co_return done.error();
  co_return Status();
}

Task<Status> ChunkRecords::drop_references(ChunkId chunk, std::vector<Id> uploads, Duration timeout) {
  Plan plan;
  for (const Id& upload : uploads) plan.erase(reference_key(chunk, upload));
  auto done = co_await commit(std::move(plan), timeout);
  if (!done.ok()) co_return done.error();
  co_return co_await condemn(chunk, timeout);
}

Task<Result<std::vector<dht::Key>>> ChunkRecords::releases(Id place, std::size_t max, Duration timeout) {
  dht::ScanLimits limits;
  limits.records = static_cast<std::uint32_t>(max);
  CO_ASSIGN_OR_RETURN(dht::Page page, co_await records_.scan(place, begin_of(RecordKind::release),
                                                             end_of(RecordKind::release), limits, timeout));
  std::vector<dht::Key> keys;
  for (dht::Record& record : page.records) keys.push_back(std::move(record.key));
  co_return keys;
}

Task<Status> ChunkRecords::settle_release(dht::Key key, chunker::NodeSource& nodes, Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
  if (!record) co_return Status();
  CO_ASSIGN_OR_RETURN(Release release, decode_record<Release>(record->value));
  ChunkRecords* self = this;
  std::vector<Id> uploads = release.uploads;
  if (!release.kept) {
    ChunkWalk walk(env_, nodes,
                   [self, uploads, timeout](ChunkId chunk) { return self->drop_references(chunk, uploads, timeout); });
    CO_RETURN_IF_ERROR(co_await walk.run(std::move(release.manifest)));
  } else {
    auto gone = co_await chunks_only_in(env_, nodes, std::move(release.manifest), std::move(*release.kept));
    // What was kept has gone meanwhile too, so what it kept cannot be told: its references stay, which loses nothing.
    if (!gone.ok() && !gone.is(Code::stale)) co_return gone.error();
    if (gone.ok()) {
      for (const ChunkId& chunk : *gone) CO_RETURN_IF_ERROR(co_await drop_references(chunk, uploads, timeout));
    }
  }
  Plan plan;
  plan.require_version(key, record->version);
  plan.erase(key);
  auto done = co_await commit(std::move(plan), timeout);
  if (!done.ok()) co_return done.error();
  co_return Status();
}

Task<Status> ChunkRecords::condemn(ChunkId chunk, Duration timeout) {
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
    if (!known.record || known.record->condemned != 0) co_return Status();
    known.record->condemned = std::max<FileTime>(wall_now(), 1);
    Plan plan;
    plan.require_version(chunk_key(chunk), known.version);
    require_unreferenced(plan, chunk);
    plan.write(chunk_key(chunk), encode_record(*known.record));
    CO_ASSIGN_OR_RETURN(dht::Commit done, co_await records_.commit(plan.take(), timeout));
    if (done.done || done.failed == 1) co_return Status();
  }
  co_return Code::busy;
}

Task<Result<DropProgress>> ChunkRecords::drop_step(ChunkId chunk, FileTime condemned, Erase erase, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
  if (!known.record) co_return DropProgress::nothing;
  ChunkRecord& record = *known.record;
  const bool bare = record.condemned != 0 && record.holders.empty();
  bool dead = record.condemned != 0 && record.condemned == condemned;
  Plan plan;
  plan.require_version(chunk_key(chunk), known.version);
  DropProgress progress = DropProgress::more;
  if (dead && !record.holders.empty()) {
    require_unreferenced(plan, chunk);
    while (!record.holders.empty()) begin_drop(record, NodeId(record.holders.front().node));
    plan.write(chunk_key(chunk), encode_record(record));
  } else if (bare ? to_erase(record) : !record.drops.empty()) {
    // Written down before: a copy that is made from now on has a higher number. One holder that is away keeps no other
    // from erasing.
    Status last;
    bool erased = false;
    for (const Drop& drop : std::vector<Drop>(record.drops)) {
      Status done;
      if (!drop.erased) done = co_await erase(drop.node, chunk, drop.up_to);
      // A store may be about to record what was just erased: while the record stands, the drop speaks against it.
      if (done.ok()) erased = (bare ? note_erased(record, drop) : end_drop(record, drop.node, drop.up_to)) || erased;
      if (!done.ok()) last = std::move(done);
    }
    if (!erased) co_return std::move(last).error();
    plan.write(chunk_key(chunk), encode_record(record));
  } else if (dead) {
    require_unreferenced(plan, chunk);
    plan.erase(chunk_key(chunk));
    progress = DropProgress::gone;
  } else {
    co_return DropProgress::nothing;
  }
  CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
  if (!done) co_return DropProgress::more;
  co_return progress;
}

}  // namespace vortex::node
