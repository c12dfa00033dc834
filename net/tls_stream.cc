#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/check.h"

namespace vortex::net {

namespace {
// A whole handshake with our small certificates takes less than 2 KiB in each direction.
constexpr std::size_t kHandshakeBytesMax = 16 * kKiB;
constexpr const char* kBindingLabel = "EXPORTER-vortex-channel-binding";
// A record is gathered from so many pieces at most.
constexpr std::size_t kGathered = 64;
// Records of the other side that hold no data, one behind the other.
constexpr int kWithoutDataMax = 32;

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
    : inner_(std::move(inner)), side_(side), ssl_(SSL_new(context.handle())) {
  CHECK(ssl_ != nullptr);
  peer_.expected = expected;
  SSL_set_app_data(ssl_.get(), &peer_);
  BIO* bio = wire_.make_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
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
  std::size_t read = wire_.incoming.size();
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
    read += wire_.incoming.size();
  }
  if (SSL_has_pending(ssl_.get()) == 1) co_return fail(Error(Code::bad_message, "TLS: more than a handshake"));
  establish();
  co_return Status();
}

Error TlsStream::handshake_error() const {
  if (!peer_.refusal.empty()) return Error(Code::unauthenticated, peer_.refusal);
  if (is_alert_from_peer()) return Error(Code::unauthenticated, "refused by the peer: TLS " + reason_text());
  return Error(Code::bad_message, "TLS handshake: " + reason_text());
}

// From here on the records are ours.
void TlsStream::establish() {
  int done = SSL_export_keying_material(ssl_.get(), binding_.bytes.data(), Id::kSize, kBindingLabel,
                                        std::char_traits<char>::length(kBindingLabel), nullptr, 0, 0);
  CHECK(done == 1);
  bool client = side_ == TlsSide::client;
  sealing_.emplace(TlsKey::Use::seal, client ? peer_.client_secret : peer_.server_secret);
  opening_.emplace(TlsKey::Use::open, client ? peer_.server_secret : peer_.client_secret);
  peer_.client_secret = peer_.server_secret = TlsSecret();
  ssl_.reset();
  established_ = true;
}

// More encrypted bytes from the connection.
Task<Status> TlsStream::fetch() {
  if (may_come_ == 0) co_return Error(Code::too_large, "TLS: endless talk");
  auto size = co_await inner_->read_some(wire_.receive_space());
  if (size.is(Code::end_of_stream)) co_return Error(Code::closed, "connection cut in the middle of TLS");
  if (!size.ok()) co_return std::move(size).error();
  wire_.received(*size);
  may_come_ -= std::min(may_come_, *size);
  co_return Status();
}

// What came before a failure or the end is good and is handed out first; the next call tells of it.
std::size_t TlsStream::decrypt(MutableBytes into) {
  std::size_t total = 0;
  while (total < into.size() && !failure_ && !read_end_) {
    auto size = tls_record_size(wire_.incoming.bytes());
    if (!size.ok()) {
      fail(std::move(size).error());
      break;
    }
    if (*size == 0 || wire_.incoming.size() < *size) break;
    auto opened = open_record(wire_.incoming.bytes().first(*size), into.subspan(total));
    wire_.incoming.used(*size);
    if (!opened.ok()) {
      fail(std::move(opened).error());
      break;
    }
    total += *opened;
  }
  return total;
}

// How many bytes of data it has put into `into`; what does not fit is kept, but not before it is proven.
Result<std::size_t> TlsStream::open_record(ByteView record, MutableBytes into) {
  std::size_t needed = record.size() - kTlsHeader - kTlsTag;
  bool fits = needed <= into.size();
  ByteVector apart(fits ? 0 : needed);
  std::uint8_t* at = fits ? into.data() : apart.data();
  ASSIGN_OR_RETURN(TlsKey::Opened opened, opening_->open(record, at));
  if (opened.content != TlsContent::data || opened.size == 0) {
    if (++without_data_ > kWithoutDataMax) return Error(Code::bad_message, "TLS: too many records without data");
    if (opened.content != TlsContent::data) RETURN_IF_ERROR(take_notice(opened.content, ByteView(at, opened.size)));
    return std::size_t(0);
  }
  without_data_ = 0;
  if (fits) return opened.size;
  apart.resize(opened.size);
  std::size_t given = std::min(into.size(), apart.size());
  std::memcpy(into.data(), apart.data(), given);
  plain_ = std::move(apart);
  plain_at_ = given;
  return given;
}

Status TlsStream::take_notice(TlsContent content, ByteView bytes) {
  ASSIGN_OR_RETURN(TlsNotice notice, parse_tls_notice(content, bytes));
  if (notice.end) read_end_ = Error(Code::end_of_stream);
  if (!notice.key_update) return Status();
  opening_->renew();
  key_update_owed_ |= notice.update_requested;
  return Status();
}

Task<Result<std::size_t>> TlsStream::read_some(MutableBytes into) {
  CHECK(established_ && !into.empty());
  if (plain_at_ < plain_.size()) {
    std::size_t size = std::min(into.size(), plain_.size() - plain_at_);
    std::memcpy(into.data(), plain_.data() + plain_at_, size);
    plain_at_ += size;
    if (plain_at_ == plain_.size()) {
      plain_ = ByteVector();
      plain_at_ = 0;
    }
    co_return size;
  }
  while (true) {
    std::size_t size = decrypt(into);
    if (size > 0) co_return size;
    if (failure_) co_return *failure_;
    if (read_end_) co_return *read_end_;
    CO_RETURN_IF_ERROR(co_await fetch());
  }
}

class TlsStream::Source {
 public:
  explicit Source(std::span<const ByteView> pieces) : pieces_(pieces) {
    for (ByteView piece : pieces) left_ += piece.size();
  }
  std::size_t left() const { return left_; }
  void skip(std::size_t size) {
    left_ -= size;
    while (size > 0) {
      std::size_t part = std::min(size, pieces_[0].size() - offset_);
      offset_ += part;
      size -= part;
      next_piece();
    }
  }
  // What goes into the next record.
  std::span<const ByteView> gather() {
    std::size_t count = 0, size = 0;
    while (left_ > 0 && count < kGathered && size < kTlsPlainMax) {
      ByteView piece = pieces_[0].subspan(offset_);
      piece = piece.first(std::min(piece.size(), kTlsPlainMax - size));
      if (!piece.empty()) gathered_[count++] = piece;
      offset_ += piece.size();
      size += piece.size();
      left_ -= piece.size();
      next_piece();
    }
    return std::span<const ByteView>(gathered_).first(count);
  }

 private:
  void next_piece() {
    if (pieces_.empty() || offset_ < pieces_[0].size()) return;
    pieces_ = pieces_.subspan(1);
    offset_ = 0;
  }
  std::span<const ByteView> pieces_;
  std::size_t offset_ = 0;  // into the first
  std::size_t left_ = 0;
  std::array<ByteView, kGathered> gathered_;
};

void TlsStream::seal(TlsContent content, std::span<const ByteView> pieces) {
  std::size_t size = 0;
  for (ByteView piece : pieces) size += piece.size();
  wire_.outgoing.make_room(size + kTlsOverhead);
  wire_.outgoing.filled(sealing_->seal(content, pieces, wire_.outgoing.space().data()));
}

// Tells the other side, and goes on under a new key. It need not do the same.
void TlsStream::renew_key() {
  ByteView piece(kTlsKeyUpdate);
  seal(TlsContent::handshake, std::span<const ByteView>(&piece, 1));
  sealing_->renew();
  key_update_owed_ = false;
}

// As many records as there is room for.
void TlsStream::encrypt(Source& source) {
  constexpr std::size_t kNeeded = kTlsOverhead + kTlsKeyUpdate.size() + kTlsOverhead;
  if (wire_.outgoing.size() == 0) wire_.prepare_send(source.left());
  while (source.left() > 0) {
    if (wire_.outgoing.room() < std::min(source.left(), kTlsPlainMax) + kNeeded) return;
    if (sealing_->records() >= records_per_key_ || key_update_owed_) renew_key();
    seal(TlsContent::data, source.gather());
  }
}

Task<Status> TlsStream::flush() {
  if (wire_.outgoing.size() == 0) co_return Status();
  ByteView piece = wire_.outgoing.bytes();
  Status status = co_await inner_->write(std::span<const ByteView>(&piece, 1));
  wire_.outgoing.used(piece.size());
  co_return status;
}

Task<Status> TlsStream::write_all(Source source) {
  if (std::exchange(last_byte_sealed_, false)) source.skip(1);
  do {
    encrypt(source);
    CO_RETURN_IF_ERROR(co_await flush());
  } while (source.left() > 0);
  co_return Status();
}

Task<Status> TlsStream::write(std::span<const ByteView> pieces) {
  CHECK(established_ && !writing_);
  // Records that were encrypted and not sent would leave a gap that the other side must take for an attack.
  if (write_broken_) co_return Error(Code::closed, "broken by a write that failed");
  if (finished_) co_return Error(Code::closed, "written to after finish()");
  writing_ = true;
  Status status = co_await write_all(Source(pieces));
  writing_ = false;
  write_broken_ = !status.ok();
  co_return status;
}

std::size_t TlsStream::write_now(std::span<const ByteView> pieces) {
  Source source(pieces);
  std::size_t size = source.left();
  // More than a record is no matter of microseconds.
  if (!can_write() || size == 0 || size > kTlsPlainMax || pieces.size() > kGathered || wire_.outgoing.size() > 0)
    return 0;
  encrypt(source);
  CHECK(source.left() == 0);
  ByteView piece = wire_.outgoing.bytes();
  wire_.outgoing.used(inner_->write_now(std::span<const ByteView>(&piece, 1)));
  if (wire_.outgoing.size() == 0) return size;
  last_byte_sealed_ = true;
  return size - 1;
}

Task<Status> TlsStream::finish() {
  if (!can_write()) co_return Status();
  finished_ = true;
  ByteView piece(kTlsCloseNotify);
  if (wire_.outgoing.size() == 0) wire_.prepare_send(piece.size());
  seal(TlsContent::alert, std::span<const ByteView>(&piece, 1));
  co_return co_await flush();
}

void TlsStream::close() { inner_->close(); }

}  // namespace vortex::net
