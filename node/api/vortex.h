// VortexNetFS for C++ programs: a client of a cluster, or a whole node inside your process. Standard types only.
//
// What can go wrong comes back as a Result; nothing throws. A Client may be used by any threads at once. A blocking
// call waits for its answer. An asynchronous one returns at once and calls `done` exactly once, on a thread of the
// library: `done` must not throw, and may start asynchronous calls but make no blocking ones (those fail there). When a
// Client goes, its calls in flight end with `cancelled` before the destructor returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vortex {
#ifndef VORTEX_OWN_SOURCES  // which have other things by these names
inline
#endif
    namespace api {
// The numbers never change, and more may come.
enum class Code : std::uint16_t {
  internal = 1,
  cancelled = 2,
  timed_out = 3,
  busy = 4,
  unreachable = 5,
  closed = 6,
  end_of_stream = 7,
  invalid_argument = 8,
  bad_config = 9,
  bad_message = 10,
  unsupported_version = 11,
  unknown_method = 12,
  too_large = 13,
  wrong_cluster = 14,
  unauthenticated = 15,
  permission_denied = 16,
  expired = 17,
  not_found = 18,
  exists = 19,
  precondition_failed = 20,
  not_empty = 21,
  is_directory = 22,
  not_directory = 23,
  invalid_path = 24,
  too_few_nodes = 25,
  damaged = 26,
  outcome_unknown = 27,
  no_space = 28,
  metadata_full = 29,
  io_error = 30,
  in_use = 31,
  not_leader = 32,
  stale = 33,
  unsupported = 34,
  failed = 35
};

struct Error {
  Code code = Code::internal;
  std::string name;             // of the code: "not_found"
  std::string message;          // for people
  bool retry_may_help = false;  // the same call may succeed later
};

// A value or an Error. Taking the value of a failure ends the program.
template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  bool is(Code code) const { return !ok() && error().code == code; }
  T& value() & { return ok() ? *std::get_if<0>(&state_) : (std::abort(), *std::get_if<0>(&state_)); }
  const T& value() const& { return const_cast<Result*>(this)->value(); }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return ok() ? (std::abort(), *std::get_if<1>(&state_)) : *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  bool is(Code code) const { return !ok() && error_->code == code; }
  const Error& error() const { return error_.has_value() ? *error_ : (std::abort(), *error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;
using Bytes = std::vector<std::byte>;
template <class T>
using Done = std::function<void(Result<T>)>;
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

enum class Transport { tls, plain };
enum class FileType { regular, directory, symlink };

// Of a file's content and attributes; every change makes another one. The ETag depends on the content alone.
struct Version {
  std::uint64_t number = 0;
  std::string etag;
};

struct FileInfo {
  FileType type = FileType::regular;
  std::uint64_t size = 0;
  Version version;
  std::uint32_t mode = 0, uid = 0, gid = 0, links = 1;
  Time modified;
  std::string target;  // of a symbolic link
  std::map<std::string, Bytes> xattrs;
};

struct DirectoryEntry {
  std::string name;
  FileInfo info;
};
struct Listing {
  std::vector<DirectoryEntry> entries;  // by name
  bool more = false;                    // ask again, behind the last name
};

struct ConnectOptions {
  std::vector<std::string> addresses = {};  // "host:port" of any nodes of the cluster; one is enough, more are safer
  std::string key_file = {};                // a file that holds an access key,
  std::string key = {};                     // or the key itself
  Transport transport = Transport::tls;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of one request, also later
};

// Conditions: `exists` or `precondition_failed` when they do not hold.
struct StoreOptions {
  bool if_absent = false;
  std::optional<std::uint64_t> if_version = {};
  std::uint32_t mode = 0644;          // of a new file
  std::optional<Time> modified = {};  // otherwise: now
};

struct FetchOptions {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;  // cut at the end of the file
};

// What is given is changed.
struct AttributeChange {
  std::optional<std::uint32_t> mode = {}, uid = {}, gid = {};
  std::optional<Time> modified = {};
  std::map<std::string, Bytes> set_xattrs = {};
  std::vector<std::string> remove_xattrs = {};
};

class Reader;
class Writer;

// A connection to a cluster. Paths are absolute. A Client can be moved; an empty one (moved from) may only go.
class Client {
 public:
  static Result<Client> connect(ConnectOptions options);
  Client(Client&&) noexcept = default;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // Replaces what is there. The file is on stable storage, on as many nodes as the directory's policy says, when this
  // returns well; it did not happen when it returns any error but `outcome_unknown`.
  Result<Version> store(std::string path, std::span<const std::byte> bytes, StoreOptions options = {});
  Result<Version> store(std::string path, std::string_view text, StoreOptions options = {});
  void store_async(std::string path, Bytes bytes, StoreOptions options, Done<Version> done);
  // The whole file, or a range of it, in memory: all of one version.
  Result<Bytes> fetch(std::string path, FetchOptions options = {});
  void fetch_async(std::string path, FetchOptions options, Done<Bytes> done);
  // Into a file that is there: over its bytes from `offset` on, or behind its end. The rest of it stays.
  Result<Version> write_at(std::string path, std::uint64_t offset, std::span<const std::byte> bytes);
  void write_at_async(std::string path, std::uint64_t offset, Bytes bytes, Done<Version> done);
  // Behind the end, wherever that is by then; makes the file if there is none.
  Result<Version> append(std::string path, std::span<const std::byte> bytes);
  void append_async(std::string path, Bytes bytes, Done<Version> done);

  Result<FileInfo> stat(std::string path, bool follow = true);
  void stat_async(std::string path, bool follow, Done<FileInfo> done);
  // At most `max` entries with names above `after`.
  Result<Listing> list(std::string path, std::string after = {}, std::uint32_t max = 1000);
  void list_async(std::string path, std::string after, std::uint32_t max, Done<Listing> done);
  Status set_attributes(std::string path, AttributeChange change);
  void set_attributes_async(std::string path, AttributeChange change, Done<void> done);

  // `parents`: with what is missing above it, and it may be there already.
  Status make_directory(std::string path, bool parents = false);
  void make_directory_async(std::string path, bool parents, Done<void> done);
  Status make_symlink(std::string target, std::string path);
  void make_symlink_async(std::string target, std::string path, Done<void> done);
  Status link(std::string path, std::string to);
  void link_async(std::string path, std::string to, Done<void> done);
  // By reference: no byte moves.
  Result<Version> copy(std::string path, std::string to);
  void copy_async(std::string path, std::string to, Done<Version> done);
  Status rename(std::string path, std::string to, bool no_replace = false);
  void rename_async(std::string path, std::string to, bool no_replace, Done<void> done);
  Status remove(std::string path);
  void remove_async(std::string path, Done<void> done);
  Status remove_directory(std::string path);
  void remove_directory_async(std::string path, Done<void> done);
  // With all that is in it. Returns how many entries there were.
  Result<std::uint64_t> remove_tree(std::string path);
  void remove_tree_async(std::string path, Done<std::uint64_t> done);

  // Streams, for what does not fit in memory.
  Result<Reader> open_reader(std::string path, FetchOptions options = {});
  Result<Writer> open_writer(std::string path, StoreOptions options = {});

 private:
  class Core;
  friend class Reader;
  friend class Writer;
  explicit Client(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

// Reads one version of a file from front to back, some of it ahead. For one thread at a time. Ends with `closed` when
// its Client goes.
class Reader {
 public:
  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) = delete;
  ~Reader();
  const FileInfo& info() const;
  // Fills the front of `room` and returns how much of it; 0 at the end.
  Result<std::size_t> read(std::span<std::byte> room);

 private:
  friend class Client;
  struct State;
  explicit Reader(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Stores what is written to it, once commit() returns well. Without commit() nothing of it is ever seen. For one
// thread at a time.
class Writer {
 public:
  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) = delete;
  ~Writer();
  // An error is final. It may be that of earlier bytes.
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(as_bytes(text)); }
  Result<Version> commit();

 private:
  friend class Client;
  struct State;
  explicit Writer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// The names and values are those of vortex-node's options: see `vortex-node --help`.
struct NodeOptions {
  std::string data = {};       // directory of everything the node keeps
  std::string listen = {};     // "host:port"; port 0: any that is free
  std::string advertise = {};  // what others are told; needed when `listen` is on all addresses of the machine
  bool create = false;         // begin a new cluster: writes root.key and join.token into `data`,
  std::string join = {};       // or join one: a token, or the name of a file with one
  std::map<std::string, std::string> settings = {};       // others: {"topology", "ring"}
  std::function<void(const std::string& line)> log = {};  // called by any thread; nothing: no log
};

// A node with a thread of its own. A disk that cannot keep its promise (a failed sync) ends the whole process.
class Node {
 public:
  // Returns when the node takes part in its cluster.
  static Result<Node> start(NodeOptions options);
  Node(Node&& other) noexcept;
  Node& operator=(Node&& other) noexcept;
  ~Node();  // stops it
  // Finishes what is in flight, hands leaderships over and leaves everything durable.
  void stop();
  const std::string& id() const;
  const std::string& address() const;

 private:
  struct State;
  explicit Node(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace api
}  // namespace vortex
