#include "chunker/unpack.h"

#include "base/check.h"
#include "base/hash.h"
#include "chunker/compress.h"

namespace vortex::chunker {
namespace {

Result<Buffer> decompressed(const ChunkHeader& header, ByteView packed) {
  if (!header.sealed() && xxh3(packed) != header.packed_sum)
    return Error(Code::damaged, "compressed content does not match its checksum");
  Buffer plain = Buffer::allocate(header.plain_size);
  RETURN_IF_ERROR(decompress(packed, plain.writable()));
  return plain;
}

Status check_name(const ChunkId& id, ByteView bytes) {
  if (sha256(bytes) == id) return {};
  return Error(Code::damaged, "chunk " + id.short_hex() + " does not have the content it is named by");
}

Result<Buffer> unsealed(const ChunkHeader& header, const PlacedExtent& placed, const Buffer& stored,
                        const SecretKey& file_key) {
  if (placed.extent.skip > placed.offset) return Error(Code::damaged, "sealed chunk would begin before the file");
  RETURN_IF_ERROR(check_name(placed.extent.chunk, stored));
  Buffer opened = Buffer::allocate(header.packed_size);
  RETURN_IF_ERROR(unseal(file_key, header, stored.view().first(kHeaderSize), placed.offset - placed.extent.skip,
                         stored.view().subspan(kHeaderSize, header.packed_size), stored.view().last(kSealTagSize),
                         opened.writable()));
  return opened;
}

}  // namespace

Result<Buffer> unpack(const PlacedExtent& placed, const Buffer& stored, const SecretKey* file_key, Trust trust) {
  const Extent& extent = placed.extent;
  CHECK(!extent.is_hole());
  if (extent.sealed && file_key == nullptr)
    return Error(Code::permission_denied, "the chunk is sealed and there is no key");
  ASSIGN_OR_RETURN(ChunkHeader header, decode_whole(stored, extent.form()));
  if (header.plain_size < extent.length || header.plain_size - extent.length < extent.skip)
    return Error(Code::damaged, "chunk is shorter than its extent says");
  Buffer plain = stored.slice(kHeaderSize, header.packed_size);
  if (header.sealed()) {
    ASSIGN_OR_RETURN(plain, unsealed(header, placed, stored, *file_key));
  }
  if (header.compression != Compression::none) {
    ASSIGN_OR_RETURN(plain, decompressed(header, plain));
  }
  if (!header.sealed() && trust == Trust::nothing) RETURN_IF_ERROR(check_name(extent.chunk, plain));
  Buffer part = plain.slice(extent.skip, extent.length);
  return part.size() * kSlackMax < plain.size() ? Buffer::copy_of(part) : part;
}

Status check_stored(const ChunkId& id, const StoredForm& form, ByteView stored) {
  ASSIGN_OR_RETURN(ChunkHeader header, decode_whole(stored, form));
  if (header.sealed()) return check_name(id, stored);
  ByteView packed = stored.subspan(kHeaderSize, header.packed_size);
  if (header.plain()) return check_name(id, packed);
  ASSIGN_OR_RETURN(Buffer plain, decompressed(header, packed));
  return check_name(id, plain);
}

}  // namespace vortex::chunker
