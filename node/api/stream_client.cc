// Reader and Writer.
#include <algorithm>
#include <cstring>

#include "node/api/core.h"
#include "node/api/operations.h"
#include "node/api/streams.h"

namespace vortex::api {

namespace {

using node::ClientParts;

// Small writes are gathered up to this size before they cross to the loop.
constexpr std::size_t kGather = 1 << 20;

Task<vortex::Result<node::OpenedFile>> open_file(ClientParts& parts, std::string path) {
  CO_ASSIGN_OR_RETURN(node::OpenedFile file, co_await parts.files.open(std::move(path), parts.timeout));
  if (file.inode.type == node::FileType::directory) co_return vortex::Code::is_directory;
  co_return file;
}

Task<vortex::Result<bool>> fetch_ahead(ClientParts& parts, std::shared_ptr<node::ReadAhead> ahead,
                                       node::OpenedFile file, FetchOptions range) {
  node::FetchOptions options;
  options.offset = range.offset;
  options.length = range.length;
  options.record_timeout = parts.timeout;
  node::Fetcher fetcher(parts.env, parts.files, parts.holders);
  auto status = co_await fetcher.fetch(std::move(file), *ahead, std::move(options));
  ahead->end(std::move(status));
  co_return true;
}

Task<vortex::Result<bool>> store_behind(ClientParts& parts, std::shared_ptr<node::WriteBehind> behind, std::string path,
                                        node::StoreTerms terms) {
  node::Storer storer(parts.env, parts.files, parts.holders);
  auto stored = co_await storer.store(std::move(path), *behind, node::store_options(parts, terms));
  behind->settle(std::move(stored));
  co_return true;
}

}  // namespace

struct Reader::State {
  std::shared_ptr<node::Engine> engine;
  std::shared_ptr<node::ReadAhead> ahead;
  FileInfo info;
  std::vector<node::Stretch> ready;
  std::size_t next = 0;    // in `ready`
  std::uint64_t used = 0;  // of that one
  bool ended = false;
};

Result<Reader> Client::open_reader(std::string path, FetchOptions options) {
  auto file = core_->engine->run<node::OpenedFile>([path](ClientParts& parts) { return open_file(parts, path); });
  if (!file.ok()) return to_public(file.error());
  auto state = std::make_shared<Reader::State>();
  state->engine = core_->engine;
  state->info = info_of(file->inode);
  state->ahead = std::make_shared<node::ReadAhead>(core_->engine->loop());
  auto ahead = state->ahead;
  core_->engine->start<bool>([ahead, options, opened = std::move(*file)](
                                 ClientParts& parts) { return fetch_ahead(parts, ahead, opened, options); },
                             [](vortex::Result<bool>) {});
  return Reader(std::move(state));
}

Reader::Reader(std::shared_ptr<State> state) : state_(std::move(state)) {}

Reader::~Reader() {
  if (!state_) return;
  auto ahead = state_->ahead;
  state_->engine->on_loop([ahead] { ahead->abandon(); });
}

const FileInfo& Reader::info() const { return state_->info; }

Result<std::size_t> Reader::read(std::span<std::byte> room) {
  State& state = *state_;
  if (room.empty() || state.ended) return std::size_t(0);
  if (state.next == state.ready.size()) {
    auto ahead = state.ahead;
    auto taken = state.engine->run<std::vector<node::Stretch>>([ahead](ClientParts&) { return ahead->take(); });
    if (!taken.ok()) return to_public(taken.error());
    state.ready = std::move(*taken);
    state.next = 0;
    state.ended = state.ready.empty();
  }
  std::size_t filled = 0;
  while (filled < room.size() && state.next < state.ready.size()) {
    node::Stretch& stretch = state.ready[state.next];
    std::uint64_t length = stretch.hole > 0 ? stretch.hole : stretch.bytes.size();
    auto part = static_cast<std::size_t>(std::min<std::uint64_t>(room.size() - filled, length - state.used));
    if (stretch.hole > 0) {
      std::memset(room.data() + filled, 0, part);
    } else if (part > 0) {
      std::memcpy(room.data() + filled, stretch.bytes.data() + state.used, part);
    }
    filled += part;
    state.used += part;
    if (state.used < length) break;
    stretch.bytes = Buffer();
    state.used = 0;
    ++state.next;
  }
  return filled;
}

struct Writer::State {
  std::shared_ptr<node::Engine> engine;
  std::shared_ptr<node::WriteBehind> behind;
  ByteVector gathered;
  std::optional<std::future<vortex::Status>> sending;  // the bytes before
  std::optional<Error> failed;
  bool committed = false;

  Status note(const vortex::Status& status) {
    if (status.ok()) return Status();
    failed = to_public(status.error());
    return *failed;
  }
  Status wait() {
    if (!sending) return Status();
    vortex::Status sent = sending->get();
    sending.reset();
    return note(sent);
  }
  Status send() {
    if (Status before = wait(); !before.ok()) return before;
    auto bytes = std::make_shared<ByteVector>(std::move(gathered));
    gathered = ByteVector();
    auto source = behind;
    sending = engine->begin<void>([source, bytes](ClientParts&) { return source->push(std::move(*bytes)); });
    return Status();
  }
};

Result<Writer> Client::open_writer(std::string path, StoreOptions options) {
  auto state = std::make_shared<Writer::State>();
  state->engine = core_->engine;
  state->behind = std::make_shared<node::WriteBehind>(core_->engine->loop());
  node::StoreTerms terms;
  terms.only_if.absent = options.if_absent;
  terms.only_if.version = options.if_version;
  terms.mode = options.mode;
  if (options.modified) terms.modified = file_time(*options.modified);
  auto behind = state->behind;
  core_->engine->start<bool>(
      [behind, path, terms](ClientParts& parts) { return store_behind(parts, behind, path, terms); },
      [](vortex::Result<bool>) {});
  return Writer(std::move(state));
}

Writer::Writer(std::shared_ptr<State> state) : state_(std::move(state)) {}

Writer::~Writer() {
  if (!state_ || state_->committed) return;
  auto behind = state_->behind;
  state_->engine->on_loop([behind] { behind->abandon(); });
}

Status Writer::write(std::span<const std::byte> bytes) {
  State& state = *state_;
  if (state.failed) return *state.failed;
  if (state.committed) return to_public(vortex::Error(vortex::Code::closed, "this writer has committed"));
  ByteView rest = view_of(bytes);
  while (!rest.empty()) {
    if (state.gathered.capacity() == 0) state.gathered.reserve(kGather);
    std::size_t part = std::min(rest.size(), kGather - state.gathered.size());
    state.gathered.insert(state.gathered.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(part));
    rest = rest.subspan(part);
    if (state.gathered.size() < kGather) continue;
    if (Status sent = state.send(); !sent.ok()) return sent;
  }
  return Status();
}

Result<Version> Writer::commit() {
  State& state = *state_;
  if (state.committed) return to_public(vortex::Error(vortex::Code::closed, "this writer has committed"));
  if (!state.failed) (void)state.send().ok();
  if (!state.failed) (void)state.wait().ok();
  if (state.failed) return *state.failed;
  state.committed = true;
  auto behind = state.behind;
  auto stored = state.engine->run<node::Inode>([behind](ClientParts&) { return behind->finish(); });
  if (!stored.ok()) return to_public(stored.error());
  return version_of(*stored);
}

}  // namespace vortex::api
