// TLS 1.3 over any connection, real or simulated: the other end is who its certificate proves, every byte is
// encrypted, and a stream that was cut is told from one that ended.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/check.h"
#include "base/network.h"
#include "net/tls_context.h"
#include "net/tls_wire.h"

namespace vortex::net {

enum class TlsSide { client, server };

// One reader and one writer at a time; both may be under way at once. A cancelled read loses nothing; a cancelled or
// failed write breaks the stream.
class TlsStream final : public Connection {
 public:
  // `already_read` is what was taken from the connection to see that TLS is spoken there. The context must outlive the
  // handshake only.
  TlsStream(const TlsContext& context, std::unique_ptr<Connection> inner, TlsSide side,
            std::optional<NodeId> expected = std::nullopt, ByteView already_read = {});
  ~TlsStream() override;

  // Before everything else. `unauthenticated` when the certificate is not accepted, `bad_message` when the other end
  // does not speak TLS 1.3, `too_large` when it talks without end. An alert that says why was sent; close it then.
  Task<Status> handshake();

  // Encrypted bytes that may still come, by and large; then reads fail with `too_large`. For the time in which nothing
  // is proven yet.
  void limit_reading(std::size_t bytes) { may_come_ = bytes; }
  static constexpr std::size_t kUnlimited = ~std::size_t(0);

  // Proven by the handshake; nothing for an anonymous client.
  const std::optional<NodeId>& peer_id() const { return peer_.id; }
  // The same 256 bits at both ends of this connection and of no other (RFC 9266's idea, under a label of ours).
  Id channel_binding() const {
    CHECK(established_);
    return binding_;
  }

  // `end_of_stream` only when the other side has said that it is done; `closed` when the stream was cut.
  Task<Result<std::size_t>> read_some(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  bool writes_now() const override { return inner_->writes_now(); }
  // All or nothing, and only what fits one record; but when the connection takes a part of the record only, the last
  // byte counts as not written, so that write() comes and sends the rest.
  std::size_t write_now(std::span<const ByteView> pieces) override;
  // Tells the other side that nothing more will come. A writer's last call.
  Task<Status> finish();
  // Without a word: the other side sees a cut stream unless finish() came first.
  void close() override;
  Address peer() const override { return inner_->peer(); }
  Address local() const override { return inner_->local(); }

  // Keys are renewed after so many records, well below what AES-GCM bears (RFC 8446, 5.5).
  static constexpr std::uint64_t kRecordsPerKey = std::uint64_t(1) << 23;
  void renew_keys_after(std::uint64_t records) { records_per_key_ = records; }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  // What is left of the pieces to be written.
  class Source;

  void establish();
  Task<Status> fetch();
  std::size_t decrypt(MutableBytes into);
  Result<std::size_t> open_record(ByteView record, MutableBytes into);
  Status take_notice(TlsContent content, ByteView bytes);
  void seal(TlsContent content, std::span<const ByteView> pieces);
  void renew_key();
  void encrypt(Source& source);
  Task<Status> write_all(Source source);
  Task<Status> flush();
  bool can_write() const { return established_ && !writing_ && !write_broken_ && !finished_; }
  // Returns the error it notes.
  const Error& fail(Error error);
  Error handshake_error() const;

  std::unique_ptr<Connection> inner_;
  const TlsSide side_;
  TlsWire wire_;
  TlsPeer peer_;
  std::unique_ptr<ssl_st, Free> ssl_;  // for the handshake alone
  std::optional<TlsKey> sealing_, opening_;
  Id binding_;
  ByteVector plain_;               // of a record that was proven and did not fit
  std::size_t plain_at_ = 0;       // how much of it was read
  std::optional<Error> failure_;   // for good
  std::optional<Error> read_end_;  // the other side is done
  int without_data_ = 0;           // records since the last one that held data
  std::size_t may_come_ = kUnlimited;
  std::uint64_t records_per_key_ = kRecordsPerKey;
  bool established_ = false;
  bool key_update_owed_ = false;  // the other side wants us to renew our key too
  bool writing_ = false;
  bool write_broken_ = false;
  bool finished_ = false;
  bool last_byte_sealed_ = false;  // by write_now(), which could not send it: write() comes with this byte first
};

}  // namespace vortex::net
