// Bytes from anywhere as every record of the file system, as a path, and as a link's target.
#include "base/check.h"
#include "node/files/chunk_record.h"
#include "node/files/keys.h"
#include "node/files/path.h"

using namespace vortex;
using namespace vortex::node;

namespace {

template <class T>
void try_record(ByteView input) {
  auto record = decode_record<T>(input);
  if (record.ok()) CHECK(equal(encode_record(*record), input));
}

void try_chunk(ByteView input) {
  auto record = decode_record<ChunkRecord>(input);
  if (!record.ok()) return;
  StoredCopies stored;
  stored.stored_by = record->stored_by;
  auto merged = with_copies(*record, stored, 0);
  CHECK(merged.ok());
  while (!record->holders.empty() && begin_drop(*record, NodeId(record->holders.front().node))) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input(data, size);
  try_record<DirectoryHeader>(input);
  try_record<PartHeader>(input);
  try_record<PartFork>(input);
  try_record<Pulse>(input);
  try_record<Entry>(input);
  try_record<Inode>(input);
  try_record<SmallContent>(input);
  try_record<OperationRecord>(input);
  try_record<MoveLock>(input);
  try_record<Upload>(input);
  try_record<Release>(input);
  try_record<Reference>(input);
  try_record<ChunkRecord>(input);
  try_chunk(input);
  if (auto entry = decode_entry(input); entry.ok()) CHECK(equal(encode_record(*entry), input));
  if (auto receipt = decode<Receipt>(input); receipt.ok()) {
    ReceiptSealer sealer(as_bytes("secret"));
    CHECK(!sealer.sealed(*receipt));
  }
  if (auto path = Path::parse(as_text(input)); path.ok()) {
    auto again = Path::parse(path->to_string());
    CHECK(again.ok() && again->names == path->names);
  }
  (void)LinkTarget::parse(as_text(input)).ok();
  return 0;
}
