#include "tools/bench/chunker_bench.h"

#include <isa-l/erasure_code.h>
#include <lz4.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/asio.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/real/os_random.h"
#include "base/real/thread_pool.h"
#include "base/task_group.h"
#include "chunker/aead.h"
#include "chunker/compress.h"
#include "chunker/cutter.h"
#include "chunker/pipeline.h"

namespace vortex::bench {
namespace {

using namespace vortex::chunker;

constexpr std::size_t kChunk = 4 * kMiB;
constexpr double kMega = 1e6;

// Repeats `step`, which works on `bytes` bytes, for about a measurement's time; MB/s.
template <class Step>
Measurement rate(const Options& options, std::size_t bytes, Step step) {
  return [seconds = options.seconds, bytes, step]() mutable -> Result<double> {
    Stopwatch watch;
    std::size_t rounds = 0;
    do {
      step();
      ++rounds;
    } while (watch.seconds() < seconds);
    return static_cast<double>(rounds * bytes) / watch.seconds() / kMega;
  };
}

ByteVector random_content(std::size_t size) {
  ByteVector bytes(size);
  OsRandom random;
  random.fill(bytes);
  return bytes;
}

// Words of a small vocabulary in random order: LZ4 takes it to about half, as it does with prose.
ByteVector text_content(std::size_t size) {
  OsRandom random;
  std::vector<std::string> words;
  for (int i = 0; i < 2000; ++i) {
    std::string word(2 + random.below(8), ' ');
    for (char& letter : word) letter = static_cast<char>('a' + random.below(26));
    words.push_back(word + ' ');
  }
  ByteVector bytes;
  while (bytes.size() < size) {
    const std::string& word = words[std::min(random.below(words.size()), random.below(words.size()))];
    bytes.insert(bytes.end(), word.begin(), word.end());
  }
  bytes.resize(size);
  return bytes;
}

// Keeps a result from being optimised away.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

// The bare library calls, as somebody would write them who knows nothing of us.
struct BareSha256 {
  std::shared_ptr<EVP_MD> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
  std::shared_ptr<EVP_MD_CTX> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  void operator()(ByteView bytes) {
    std::array<unsigned char, 32> digest;
    EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr);
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
    keep(digest);
  }
};

struct BareGcm {
  std::shared_ptr<EVP_CIPHER> algorithm{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), &EVP_CIPHER_free};
  std::shared_ptr<EVP_CIPHER_CTX> context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  std::array<unsigned char, 32> key{1};
  std::array<unsigned char, 12> nonce{};
  void operator()(MutableBytes bytes) {
    std::array<unsigned char, 16> tag;
    int size = 0;
    ++nonce[0];
    EVP_EncryptInit_ex2(context.get(), algorithm.get(), key.data(), nonce.data(), nullptr);
    EVP_EncryptUpdate(context.get(), bytes.data(), &size, bytes.data(), static_cast<int>(bytes.size()));
    EVP_EncryptFinal_ex(context.get(), bytes.data() + size, &size);
    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    keep(tag);
  }
};

Result<Row> identity(const Options& options) {
  ByteVector bytes = random_content(kChunk);
  auto ours = [&bytes] { keep(identify(bytes)); };
  auto bare = [&bytes, sha = BareSha256()]() mutable { sha(bytes); };
  return compare(options, "identity: SHA-256 and XXH3, beside SHA-256", "MB/s", rate(options, kChunk, ours),
                 rate(options, kChunk, bare), Goal::ratio_at_least(0.9));
}

Result<Row> cutting(const Options& options) {
  ByteVector bytes = random_content(64 * kMiB);
  auto ours = [&bytes] {
    Cutter cutter(CutPolicy::content(1 * kMiB));
    for (std::size_t at = 0; at < bytes.size(); at += Pipeline::kPieceMax) {
      ByteView piece = ByteView(bytes).subspan(at, Pipeline::kPieceMax);
      while (auto end = cutter.scan(piece)) piece = piece.subspan(*end);
    }
  };
  return measure(options, "cut by content, 1 MiB on average", "MB/s", rate(options, bytes.size(), ours),
                 Goal::at_least(3000));
}

Result<Row> compressing_text(const Options& options) {
  ByteVector bytes = text_content(kChunk), out(packed_max(kChunk)),
             bare_out(static_cast<std::size_t>(LZ4_compressBound(kChunk)));
  auto ours = [&] { keep(compress(Compression::lz4, bytes, out)); };
  auto bare = [&] {
    keep(LZ4_compress_default(reinterpret_cast<const char*>(bytes.data()), reinterpret_cast<char*>(bare_out.data()),
                              static_cast<int>(bytes.size()), static_cast<int>(bare_out.size())));
  };
  return compare(options, "compress text, beside LZ4", "MB/s", rate(options, kChunk, ours), rate(options, kChunk, bare),
                 Goal::ratio_at_least(0.9));
}

Result<Row> declining_random(const Options& options) {
  ByteVector bytes = random_content(kChunk), out(packed_max(kChunk));
  auto ours = [&] { keep(compress(Compression::lz4, bytes, out)); };
  return measure(options, "decline to compress random bytes", "MB/s", rate(options, kChunk, ours),
                 Goal::at_least(20000));
}

Result<Row> unpacking_text(const Options& options) {
  ByteVector bytes = text_content(kChunk), packed(packed_max(kChunk)), out(kChunk);
  packed.resize(compress(Compression::lz4, bytes, packed));
  if (packed.empty()) return Error(Code::failed, "text did not shrink");
  auto ours = [&] { keep(decompress(packed, out).ok()); };
  auto bare = [&] {
    keep(LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data()), reinterpret_cast<char*>(out.data()),
                             static_cast<int>(packed.size()), static_cast<int>(out.size())));
  };
  return compare(options, "decompress text, beside LZ4", "MB/s", rate(options, kChunk, ours),
                 rate(options, kChunk, bare), Goal::ratio_at_least(0.9));
}

Result<Row> sealing(const Options& options) {
  ByteVector bytes = random_content(kChunk), copy = bytes;
  OsRandom random;
  Sealer sealer(SecretKey::generate(random), random);
  ChunkHeader header;
  header.plain_size = header.packed_size = kChunk;
  header.sealing = Sealing::aes_256_gcm;
  auto ours = [&] {
    std::array<std::uint8_t, kHeaderSize> encoded;
    std::array<std::uint8_t, kSealTagSize> tag;
    SealTurn turn = sealer.next_turn();
    header.ticket = turn.ticket();
    encode_header(header, encoded);
    std::move(turn).seal(header, encoded, 0, bytes, tag);
    keep(tag);
  };
  auto bare = [&copy, gcm = BareGcm()]() mutable { gcm(copy); };
  return compare(options, "seal, beside AES-256-GCM", "MB/s", rate(options, kChunk, ours), rate(options, kChunk, bare),
                 Goal::ratio_at_least(0.9));
}

// Shards as ISA-L wants them, with tables that make `rows` of `matrix` from the first k.
struct BareCode {
  int k, m;
  std::vector<unsigned char> matrix, tables;
  std::vector<unsigned char*> in, out;

  BareCode(int data, int parity) : k(data), m(parity) {
    auto width = static_cast<std::size_t>(k), height = static_cast<std::size_t>(m);
    matrix.resize((width + height) * width);
    tables.resize(32 * width * height);
    gf_gen_cauchy1_matrix(matrix.data(), k + m, k);
    ec_init_tables(k, m, matrix.data() + width * width, tables.data());
  }
  void operator()(std::size_t size) {
    ec_encode_data(static_cast<int>(size), k, m, tables.data(), in.data(), out.data());
  }
};

Result<Row> coding(const Options& options, int k, int m) {
  ErasureCode code(CodePolicy{static_cast<std::uint8_t>(k), static_cast<std::uint8_t>(m)});
  Buffer data = Buffer::copy_of(random_content(kChunk));
  const std::size_t full = code.shard_size(kChunk);
  Buffer padded = Buffer::allocate(full * static_cast<std::size_t>(k));
  std::fill(padded.writable().begin(), padded.writable().end(), std::uint8_t(0));
  std::copy(data.view().begin(), data.view().end(), padded.writable().begin());
  BareCode bare_code(k, m);
  std::vector<Buffer> parity;
  std::vector<MutableBytes> outs;
  for (int i = 0; i < m; ++i) {
    parity.push_back(Buffer::allocate(full));
    outs.push_back(parity.back().writable());
    bare_code.out.push_back(outs.back().data());
  }
  for (int i = 0; i < k; ++i) bare_code.in.push_back(padded.writable().data() + full * static_cast<std::size_t>(i));
  auto ours = [&] { code.encode(data, outs); };
  auto bare = [&] { bare_code(full); };
  std::string name = "encode " + std::to_string(k) + "+" + std::to_string(m) + ", beside ISA-L";
  return compare(options, name, "MB/s", rate(options, kChunk, ours), rate(options, kChunk, bare),
                 Goal::ratio_at_least(0.9));
}

// The first m data shards are lost.
Result<Row> decoding(const Options& options, int k, int m) {
  CodePolicy policy{static_cast<std::uint8_t>(k), static_cast<std::uint8_t>(m)};
  ErasureCode code(policy);
  StoredChunk chunk = pack(ChunkDraft::copy_of(random_content(kChunk - kHeaderSize)), PackOrder());
  std::vector<Shard> shards = make_shards(code, chunk);
  const std::size_t full = code.shard_size(kChunk);
  std::vector<int> indexes, wanted;
  std::vector<ByteView> sources;
  std::vector<Buffer> made;
  std::vector<MutableBytes> outs;
  BareCode bare_code(k, m);  // as much work as decoding: k in, m out
  for (int i = 0; i < m; ++i) {
    wanted.push_back(i);
    made.push_back(Buffer::allocate(full));
    outs.push_back(made.back().writable());
    bare_code.out.push_back(outs.back().data());
  }
  std::vector<Buffer> padded;
  for (int i = m; i < k + m; ++i) {
    indexes.push_back(i);
    sources.push_back(shards[static_cast<std::size_t>(i)].data);
    padded.push_back(Buffer::allocate(full));
    std::fill(padded.back().writable().begin(), padded.back().writable().end(), std::uint8_t(0));
    std::copy(sources.back().begin(), sources.back().end(), padded.back().writable().begin());
    bare_code.in.push_back(padded.back().writable().data());
  }
  auto ours = [&] { code.reconstruct(indexes, sources, wanted, outs); };
  auto bare = [&] { bare_code(full); };
  std::string name =
      "recover " + std::to_string(m) + " of " + std::to_string(k) + "+" + std::to_string(m) + ", beside ISA-L";
  return compare(options, name, "MB/s", rate(options, kChunk, ours), rate(options, kChunk, bare),
                 Goal::ratio_at_least(0.9));
}

// Work done at once, on the calling thread.
class SameThread final : public Pool {
 public:
  explicit SameThread(Loop& loop) : Pool(loop) {}
  void submit(UniqueFunction<void()> work, UniqueFunction<void()> done) override {
    work();
    auto shared = std::make_shared<UniqueFunction<void()>>(std::move(done));
    asio::post(loop_.context(), [shared] { (*shared)(); });
  }
};

Task<void> feed(Pipeline& pipeline, ByteView bytes, Status& status) {
  status = co_await pipeline.write(bytes);
  if (status.ok()) status = co_await pipeline.finish();
}

Task<void> drain(Pipeline& pipeline, std::size_t& taken, Status& status) {
  while (true) {
    auto next = co_await pipeline.next();
    if (!next.ok()) status = std::move(next).error();
    if (!next.ok() || !next->has_value()) break;
    taken += (*next)->chunk.header.plain_size;
  }
  co_await pipeline.stop();
}

// `threads` of the pool, or none: all on one thread.
Result<double> pipeline_rate(const Options& options, const Policy& policy, ByteView bytes, std::size_t threads) {
  asio::io_context context;
  auto guard = asio::make_work_guard(context);
  Loop loop(context);
  std::unique_ptr<Pool> pool = std::make_unique<SameThread>(loop);
  if (threads > 0) pool = std::make_unique<ThreadPool>(loop, threads);
  OsRandom random;
  Sealer sealer(SecretKey::generate(random), random);
  Stopwatch watch;
  std::size_t total = 0;
  do {
    Pipeline::Options how;
    if (policy.sealing != Sealing::none) how.sealer = &sealer;
    Pipeline pipeline(loop, *pool, policy, how);
    Status fed, drained;
    std::size_t taken = 0;
    TaskGroup group(loop);
    group.spawn(feed(pipeline, bytes, fed));
    group.spawn(drain(pipeline, taken, drained));
    while (group.size() > 0) context.run_one();
    RETURN_IF_ERROR(std::move(fed));
    RETURN_IF_ERROR(std::move(drained));
    if (taken != bytes.size()) return Error(Code::internal, "the pipeline lost bytes");
    total += taken;
  } while (watch.seconds() < options.seconds);
  return static_cast<double>(total) / watch.seconds() / kMega;
}

Result<Row> whole(const Options& options, const std::string& name, const Policy& policy, const ByteVector& bytes) {
  auto two = [&] { return pipeline_rate(options, policy, bytes, 2); };
  auto one = [&] { return pipeline_rate(options, policy, bytes, 0); };
  return compare(options, "pipeline, " + name + ": 2 threads beside 1", "MB/s", two, one, Goal::ratio_at_least(1.7));
}

Result<std::vector<Row>> pipelines(const Options& options) {
  ByteVector bytes = text_content(64 * kMiB), noise = random_content(64 * kMiB);
  bytes.insert(bytes.end(), noise.begin(), noise.end());
  Policy plain, content, all;
  content.cut = CutPolicy::content(1 * kMiB);
  all.cut = content.cut;
  all.sealing = Sealing::aes_256_gcm;
  all.code = CodePolicy{4, 2};
  std::vector<Row> rows;
  using Case = std::pair<std::string, Policy>;
  for (const auto& [name, policy] :
       {Case("default policy", plain), Case("cut by content", content), Case("everything", all)}) {
    if (!options.wanted("pipeline, " + name)) continue;
    ASSIGN_OR_RETURN(Row row, whole(options, name, policy, bytes));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Result<Report> bench_chunker(const Options& options) {
  Report report;
  report.part = "chunker";
  using Case = std::pair<const char*, std::function<Result<Row>()>>;
  const std::vector<Case> cases = {
      {"identity", [&] { return identity(options); }},
      {"cut", [&] { return cutting(options); }},
      {"compress text", [&] { return compressing_text(options); }},
      {"decline", [&] { return declining_random(options); }},
      {"decompress text", [&] { return unpacking_text(options); }},
      {"seal", [&] { return sealing(options); }},
      {"encode 4+2", [&] { return coding(options, 4, 2); }},
      {"encode 10+4", [&] { return coding(options, 10, 4); }},
      {"recover 4+2", [&] { return decoding(options, 4, 2); }},
      {"recover 10+4", [&] { return decoding(options, 10, 4); }},
  };
  for (const auto& [name, run] : cases) {
    if (!options.wanted(name)) continue;
    ASSIGN_OR_RETURN(Row row, run());
    report.rows.push_back(std::move(row));
  }
  ASSIGN_OR_RETURN(std::vector<Row> rows, pipelines(options));
  report.rows.insert(report.rows.end(), rows.begin(), rows.end());
  return report;
}

}  // namespace vortex::bench
