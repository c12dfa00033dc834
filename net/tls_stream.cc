#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string>

#include "base/check.h"

namespace vortex::net {

namespace {
constexpr std::size_t kRecordMax = SSL3_RT_MAX_PLAIN_LENGTH;
// Header, content type, tag; and a key update that may go before it.
constexpr std::size_t kRecordOverhead = 128;
// A whole handshake with our small certificates takes less than 2 KiB in each direction.
constexpr std::size_t kHandshakeBytesMax = 16 * kKiB;
constexpr const char* kBindingLabel = "EXPORTER-vortex-channel-binding";

std::string reason_text() {
  unsigned long code = ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "protocol error" : text;
}

bool is_alert_from_peer() { return ERR_GET_REASON(ERR_peek_last_error()) >= SSL_AD_REASON_OFFSET; }
}  // namespace

void TlsStream::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(const TlsContext& context, std::unique_ptr<Connection> inner, TlsSide side,
                     std::optional<NodeId> expected, ByteView already_read)
    : inner_(std::move(inner)), ssl_(SSL_new(context.handle())) {
  CHECK(ssl_ != nullptr);
  peer_.expected = expected;
  SSL_set_app_data(ssl_.get(), &peer_);
  BIO* bio = wire_.make_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  side == TlsSide::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  if (already_read.empty()) return;
  MutableBytes space = wire_.receive_space();
  CHECK(already_read.size() <= space.size());
  std::memcpy(space.data(), already_read.data(), already_read.size());
  wire_.received(already_read.size());
}

TlsStream::~TlsStream() = default;

const Error& TlsStream::fail(Error error) {
  if (!failure_) failure_ = std::move(error);
  return *failure_;
}

Task<Status> TlsStream::handshake() {
  CHECK(!established_);
  std::size_t read = wire_.receive_left();
  while (true) {
    ERR_clear_error();
    int outcome = SSL_do_handshake(ssl_.get());
    std::optional<Error> error;
    if (outcome != 1 && SSL_get_error(ssl_.get(), outcome) != SSL_ERROR_WANT_READ) error = handshake_error();
    // What there is to say: our part of the handshake, or the alert.
    Status sent = co_await flush();
    if (error) co_return fail(*error);
    if (!sent.ok()) co_return fail(std::move(sent).error());
    if (outcome == 1) break;
    if (read >= kHandshakeBytesMax) co_return fail(Error(Code::too_large, "TLS: endless handshake"));
    Status fetched = co_await fetch();
    if (!fetched.ok()) co_return fail(std::move(fetched).error());
    read += wire_.receive_left();
  }
  established_ = true;
  co_return Status();
}

Error TlsStream::handshake_error() const {
  if (!peer_.refusal.empty()) return Error(Code::unauthenticated, peer_.refusal);
  if (is_alert_from_peer()) return Error(Code::unauthenticated, "refused by the peer: TLS " + reason_text());
  return Error(Code::bad_message, "TLS handshake: " + reason_text());
}

Id TlsStream::channel_binding() const {
  CHECK(established_);
  Id binding;
  int done = SSL_export_keying_material(ssl_.get(), binding.bytes.data(), Id::kSize, kBindingLabel,
                                        std::char_traits<char>::length(kBindingLabel), nullptr, 0, 0);
  CHECK(done == 1);
  return binding;
}

// More encrypted bytes from the connection.
Task<Status> TlsStream::fetch() {
  auto size = co_await inner_->read_some(wire_.receive_space());
  if (size.is(Code::end_of_stream)) co_return Error(Code::closed, "connection cut in the middle of TLS");
  if (!size.ok()) co_return std::move(size).error();
  wire_.received(*size);
  co_return Status();
}

// What can be decrypted now, as many records as there are and fit; 0 when more bytes are needed.
std::size_t TlsStream::decrypt(MutableBytes into) {
  std::size_t total = 0;
  while (total < into.size()) {
    ERR_clear_error();
    std::size_t size = 0;
    int outcome = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &size);
    if (outcome == 1) {
      total += size;
      continue;
    }
    int kind = SSL_get_error(ssl_.get(), outcome);
    if (kind == SSL_ERROR_WANT_READ) break;
    // What came before is good and is handed out first; the next call tells of the end.
    if (kind == SSL_ERROR_ZERO_RETURN) {
      read_end_ = Error(Code::end_of_stream);
    } else {
      fail(Error(Code::bad_message, "TLS: " + reason_text()));
    }
    break;
  }
  return total;
}

Task<Result<std::size_t>> TlsStream::read_some(MutableBytes into) {
  CHECK(established_ && !into.empty());
  while (true) {
    if (failure_) co_return *failure_;
    if (read_end_) co_return *read_end_;
    std::size_t size = decrypt(into);
    if (size > 0) co_return size;
    if (!failure_ && !read_end_) CO_RETURN_IF_ERROR(co_await fetch());
  }
}

// How many plain bytes surely fit the outgoing buffer now, in whole records.
std::size_t TlsStream::room() const { return wire_.outgoing_room() / (kRecordMax + kRecordOverhead) * kRecordMax; }

Status TlsStream::encrypt(ByteView bytes) {
  if (failure_) return *failure_;
  ERR_clear_error();
  if (records_ >= records_per_key_) {
    CHECK(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    records_ = 0;
  }
  std::size_t size = 0;
  int outcome = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
  // There was room, so this can only fail when the other side has broken the protocol meanwhile.
  if (outcome != 1) return fail(Error(Code::bad_message, "TLS: cannot encrypt: " + reason_text()));
  CHECK(size == bytes.size());
  records_ += (size + kRecordMax - 1) / kRecordMax;
  return Status();
}

Task<Status> TlsStream::encrypt_all(ByteView bytes) {
  while (!bytes.empty()) {
    std::size_t size = std::min(bytes.size(), room());
    if (size == 0) {
      CO_RETURN_IF_ERROR(co_await flush());
      continue;
    }
    CO_RETURN_IF_ERROR(encrypt(bytes.first(size)));
    bytes = bytes.subspan(size);
  }
  co_return Status();
}

Task<Status> TlsStream::encrypt_staged() {
  Status status = co_await encrypt_all(staged_);
  staged_.clear();
  co_return status;
}

// Small neighbours share a record; what fills records of its own, or comes last, is not copied.
Task<Status> TlsStream::encrypt_pieces(std::span<const ByteView> pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ByteView piece = pieces[i];
    bool alone = staged_.empty() && i + 1 == pieces.size();
    if (alone || piece.size() >= kRecordMax) {
      CO_RETURN_IF_ERROR(co_await encrypt_staged());
      CO_RETURN_IF_ERROR(co_await encrypt_all(piece));
      continue;
    }
    if (staged_.size() + piece.size() > kRecordMax) CO_RETURN_IF_ERROR(co_await encrypt_staged());
    staged_.insert(staged_.end(), piece.begin(), piece.end());
  }
  co_return co_await encrypt_staged();
}

// Sends what is encrypted. OpenSSL may put an answer of its own into the outgoing buffer meanwhile.
Task<Status> TlsStream::flush() {
  if (wire_.outgoing() == 0) co_return Status();
  ByteView piece = wire_.begin_send();
  Status status = co_await inner_->write(std::span<const ByteView>(&piece, 1));
  wire_.end_send();
  co_return status;
}

Task<Status> TlsStream::write(std::span<const ByteView> pieces) {
  CHECK(established_ && !writing_);
  // Records that were encrypted and not sent would leave a gap that the other side must take for an attack.
  if (write_broken_) co_return Error(Code::closed, "broken by a write that failed");
  if (finished_) co_return Error(Code::closed, "written to after finish()");
  std::size_t total = 0;
  for (ByteView piece : pieces) total += piece.size();
  wire_.expect_outgoing(total);
  writing_ = true;
  Status status = co_await encrypt_pieces(pieces);
  if (status.ok()) status = co_await flush();
  writing_ = false;
  write_broken_ = !status.ok();
  co_return status;
}

Task<Status> TlsStream::finish() {
  CHECK(!writing_);
  if (!established_ || failure_ || write_broken_ || finished_) co_return Status();
  finished_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  co_return co_await flush();
}

void TlsStream::close() { inner_->close(); }

}  // namespace vortex::net
