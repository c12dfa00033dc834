#include "node/chunk_store.h"

#include "chunker/form.h"
#include "chunker/unpack.h"

namespace vortex::node {

bool is_chunk(const ChunkId& id, std::uint16_t, ByteView stored) {
  auto header = chunker::decode_header(stored);
  return header.ok() && chunker::check_stored(id, header->form(), stored).ok();
}

}  // namespace vortex::node
