#include "tools/bench/disk_bench.h"

#include "tools/bench/disk_bench_chunks.h"
#include "tools/bench/disk_bench_wal.h"

namespace vortex::bench {

Result<Report> bench_disk(const Options& options) {
  Report report;
  report.part = "disk";
  RETURN_IF_ERROR(add_wal_rows(options, report));
  RETURN_IF_ERROR(add_chunk_rows(options, report));
  return report;
}

}  // namespace vortex::bench
