// The records of the file system, asked of a member over the network.
#pragma once

#include <functional>

#include "base/env.h"
#include "net/messages/files.h"
#include "net/peers.h"
#include "node/store/file_records.h"

namespace vortex::node {

// So long is a change that may have been executed asked for again. Members remember operations for much longer, also
// when their clocks differ.
inline constexpr Duration kRepeatedFor = std::chrono::minutes(5);
static_assert(2 * kRepeatedFor < kOperationsKept);

// Which member to ask next; told when one has answered or could not be reached, so that it can name another.
class Gateways {
 public:
  virtual ~Gateways() = default;
  virtual net::Target next() = 0;
  // Once for each next(), also when it failed.
  virtual void ended(const net::Target&) {}
  virtual void failed(const net::Target& target, const Error& error) = 0;
};

// Tries other members while that is safe: what only reads, and what has a name by which it is executed once.
class RemoteFiles final : public FileRecords {
 public:
  RemoteFiles(Env& env, net::Peers& peers, Gateways& gateways) : env_(env), peers_(peers), gateways_(gateways) {}

  Task<Result<OpenedFile>> open(std::string path, Duration timeout) override;
  Task<Result<Inode>> store_small(std::string path, ByteVector content, Attributes attributes, Change change) override;
  Task<Result<OpenedUpload>> open_upload(std::string path, std::uint8_t replicas, Duration timeout) override;
  Task<Status> renew_upload(UploadName upload, Duration timeout) override;
  Task<Status> add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout) override;
  Task<Status> add_references(UploadName upload, std::string path, std::vector<ChunkId> chunks,
                              Duration timeout) override;
  Task<Result<Inode>> commit(std::string path, CommitOrder order, Change change) override;
  Task<Status> abort_upload(UploadName upload, Duration timeout) override;
  Task<Result<std::vector<std::optional<ChunkRecord>>>> find_chunks(std::vector<ChunkId> chunks,
                                                                    Duration timeout) override;

  // Small files, each as store_small() would, in one request; the results in their order. All of it fails when the
  // request does.
  struct SmallFile {
    std::string path;
    ByteVector content;
    Attributes attributes;
    Change change;
  };
  Task<Result<std::vector<Result<Inode>>>> store_many(std::vector<SmallFile> files, Duration timeout);
  Task<Result<net::LocateFileResponse>> locate(std::string path, Duration timeout);

  // Any message of the file system. `repeatable`: may be sent again when it is not known what became of it; then
  // `again` of the terms, where there are any, is set.
  template <class Method>
  Task<Result<typename Method::Response>> call(typename Method::Request request, bool repeatable, Duration timeout);

 private:
  Env& env_;
  net::Peers& peers_;
  Gateways& gateways_;
};

namespace detail {
template <class Request>
void mark_again(Request& request) {
  if constexpr (requires { request.terms.again; }) request.terms.again = true;
  if constexpr (requires { request.files.front().terms.again; })
    for (auto& file : request.files) file.terms.again = true;
}
}  // namespace detail

template <class Method>
Task<Result<typename Method::Response>> RemoteFiles::call(typename Method::Request request, bool repeatable,
                                                          Duration timeout) {
  const Instant begun = env_.now(), deadline = begun + timeout;
  bool unknown = false;
  for (unsigned tries = 0;; ++tries) {
    net::Target target = gateways_.next();
    net::CallOptions options(std::max<Duration>(deadline - env_.now(), milliseconds(1)));
    auto reply = co_await peers_.call<Method>(target, request, std::move(options));
    gateways_.ended(target);
    if (reply.ok()) co_return std::move(reply->response);
    const Code code = reply.error().code();
    bool lost = code == Code::closed || code == Code::timed_out || code == Code::outcome_unknown;
    bool refused = code == Code::unreachable || code == Code::busy || code == Code::not_leader;
    if (lost || code == Code::unreachable) gateways_.failed(target, reply.error());
    unknown = unknown || (lost && !Method::kInfo.idempotent);
    bool may = refused || (lost && (repeatable || Method::kInfo.idempotent));
    // It is remembered that it was executed, but not for ever.
    if (unknown && env_.now() - begun >= kRepeatedFor) may = false;
    if (!may || env_.now() >= deadline) {
      bool in_doubt = unknown && (lost || refused);
      if (in_doubt) co_return Code::outcome_unknown;
      co_return std::move(reply).error();
    }
    if (unknown) detail::mark_again(request);
    Duration wait = std::min<Duration>(milliseconds(5) * (1 << std::min(tries, 6u)), milliseconds(200));
    Status slept = co_await sleep_for(env_, wait);
    if (!slept.ok()) co_return slept.error();
  }
}

}  // namespace vortex::node
