// Fetches a file, or a range of it, in order, with several chunks on the way at once.
#pragma once

#include <string>

#include "node/fetch/chunk_reader.h"
#include "node/store/stream.h"

namespace vortex::node {

struct FetchOptions {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;  // cut at the end of the file
  // Bytes asked for and not yet written to the sink.
  std::size_t window_bytes = 64 * kMiB;
  Duration record_timeout = seconds(30);
  ReadOptions read;

  FetchOptions() {}
};

class Fetcher {
 public:
  Fetcher(Env& env, FileRecords& files, ChunkHolders& holders) : env_(env), files_(files), holders_(holders) {}

  // The inode whose content was fetched: all of it is of one version of the file.
  Task<Result<Inode>> fetch(std::string path, ByteSink& sink, FetchOptions options);
  // Of a file that was opened before; `not_found` when its chunks are gone since.
  Task<Status> fetch(OpenedFile file, ByteSink& sink, FetchOptions options);
  const ReadStats& stats() const { return stats_; }

 private:
  struct Slot;
  Task<void> fill(ChunkReader& reader, Slot& slot);

  Env& env_;
  FileRecords& files_;
  ChunkHolders& holders_;
  ReadStats stats_;
};

}  // namespace vortex::node
