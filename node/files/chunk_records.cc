#include "node/files/chunk_records.h"

#include <algorithm>

namespace vortex::node {

namespace {

constexpr unsigned kTriesMax = 100;

dht::Key upload_key(const UploadName& upload) { return key_of(upload.place, RecordKind::upload, upload.id.bytes); }
dht::Key chunk_key(const ChunkId& chunk) { return key_of(chunk, RecordKind::header); }
dht::Key reference_key(const ChunkId& chunk, const Id& upload) {
  return key_of(chunk, RecordKind::reference, upload.bytes);
}

Error contended() { return Error(Code::busy, "others change the same chunk all the time"); }

}  // namespace

FileTime ChunkRecords::wall_now() const { return env_.clock().wall_now().time_since_epoch().count(); }

Task<Result<bool>> ChunkRecords::commit(Plan plan, Duration timeout) {
  auto committed = co_await records_.commit(plan.take(), timeout);
  if (!committed.ok()) co_return committed.error();
  co_return committed->done;
}

Task<Result<ChunkRecords::Known>> ChunkRecords::look(ChunkId chunk, Duration timeout) {
  Known known;
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(chunk_key(chunk), timeout));
  if (found) {
    CO_ASSIGN_OR_RETURN(known.record, decode_record<ChunkRecord>(found->value));
    known.version = found->version;
  }
  co_return known;
}

Task<Result<std::optional<ChunkRecord>>> ChunkRecords::get(ChunkId chunk, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
  co_return std::move(known.record);
}

Task<Result<UploadName>> ChunkRecords::open_upload(Id place, Upload terms, Duration timeout) {
  UploadName name;
  name.place = place;
  name.id = env_.random().id();
  Upload upload;
  upload.replicas = terms.replicas;
  upload.copies_min = terms.copies_min;
  upload.stored_by = terms.stored_by;
  upload.opened = upload.renewed = wall_now();
  Plan plan;
  dht::Key key = upload_key(name);
  plan.require_absent(key);
  plan.write(std::move(key), encode_record(upload));
  CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
  if (!done) co_return Error(Code::internal, "an upload's id was not new");
  co_return name;
}

Task<Result<Upload>> ChunkRecords::open_upload_record(UploadName name, Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(upload_key(name), timeout));
  if (!record) co_return Error(Code::expired, "the upload was taken back; store again");
  CO_ASSIGN_OR_RETURN(Upload upload, decode_record<Upload>(record->value));
  if (upload.state != UploadState::open) co_return Error(Code::expired, "the upload was taken back; store again");
  co_return upload;
}

Task<Status> ChunkRecords::renew_upload(UploadName name, Duration timeout) {
  dht::Key key = upload_key(name);
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
    if (!record) co_return Error(Code::expired, "the upload was taken back; store again");
    CO_ASSIGN_OR_RETURN(Upload upload, decode_record<Upload>(record->value));
    if (upload.state != UploadState::open) co_return Error(Code::expired, "the upload was taken back; store again");
    upload.renewed = wall_now();
    Plan plan;
    plan.require_version(key, record->version);
    plan.write(key, encode_record(upload));
    CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
    if (done) co_return Status();
  }
  co_return contended();
}

Task<Status> ChunkRecords::abort_upload(UploadName name, Duration timeout) {
  dht::Key key = upload_key(name);
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
    if (!record) co_return Status();
    CO_ASSIGN_OR_RETURN(Upload upload, decode_record<Upload>(record->value));
    if (upload.state == UploadState::aborted) co_return Status();
    if (upload.state == UploadState::committed) co_return Error(Code::precondition_failed, "the upload is committed");
    upload.state = UploadState::aborted;
    Plan plan;
    plan.require_version(key, record->version);
    plan.write(key, encode_record(upload));
    CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
    if (done) co_return Status();
  }
  co_return contended();
}

// One commit where the chunk and the reference are new, which is guessed first.
Task<Status> ChunkRecords::refer(ChunkId chunk, UploadName upload, StoredCopies stored, std::size_t copies_min,
                                 Duration timeout) {
  Known known;
  dht::Version referred = 0;
  dht::Key key = chunk_key(chunk), reference = reference_key(chunk, upload.id);
  Reference pending;
  pending.upload = upload;
  pending.replicas = stored.replicas;
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(ChunkRecord record, with_copies(known.record, stored, copies_min));
    Plan plan;
    plan.require_version(key, known.version);
    plan.write(key, encode_record(record));
    plan.require_version(reference, referred);
    if (referred == 0) plan.write(reference, encode_record(pending));
    auto committed = co_await records_.commit(plan.take(), timeout);
    // What is not known is looked at: done twice it is the same.
    if (!committed.ok() && !committed.is(Code::outcome_unknown)) co_return committed.error();
    if (committed.ok() && committed->done) co_return Status();
    CO_ASSIGN_OR_RETURN(known, co_await look(chunk, timeout));
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(reference, timeout));
    referred = 0;
    if (found) referred = found->version;
  }
  co_return contended();
}

Task<Status> ChunkRecords::add_copies(StoredCopies stored, UploadName upload, std::size_t copies_min,
                                      Duration timeout) {
  ChunkId chunk = stored.chunk;
  co_return co_await refer(chunk, upload, std::move(stored), copies_min, timeout);
}

Task<Status> ChunkRecords::add_reference(ChunkId chunk, UploadName upload, std::uint8_t replicas, Duration timeout) {
  dht::Key key = chunk_key(chunk), reference = reference_key(chunk, upload.id);
  Reference pending;
  pending.upload = upload;
  pending.replicas = replicas;
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
    // Without holders it is on its way out, and bytes would have to be sent again.
    if (!known.record || known.record->holders.empty()) co_return Code::not_found;
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(reference, timeout));
    if (found) co_return Status();
    known.record->condemned = 0;
    known.record->replicas = std::max(known.record->replicas, replicas);
    Plan plan;
    plan.require_version(key, known.version);
    plan.require_absent(reference);
    plan.write(key, encode_record(*known.record));
    plan.write(reference, encode_record(pending));
    auto done = co_await commit(std::move(plan), timeout);
    if (!done.ok() && !done.is(Code::outcome_unknown)) co_return done.error();
    if (done.ok() && *done) co_return Status();
  }
  co_return contended();
}

Task<Status> ChunkRecords::mark_checked(ChunkId chunk, std::vector<NodeId> proven, Duration timeout) {
  Change mark = [proven = std::move(proven)](std::optional<ChunkRecord>& record) -> Result<bool> {
    if (!record) return Code::not_found;
    if (record->checked) return false;
    record->checked = true;
    auto doubtful = [&proven](const Holder& holder) { return std::ranges::find(proven, holder.node) == proven.end(); };
    std::erase_if(record->holders, doubtful);
    return true;
  };
  co_return co_await change(chunk, std::move(mark), timeout);
}

}  // namespace vortex::node
