// Records of TLS 1.3 (RFC 8446, 5) after the handshake, each direction by itself: bytes are encrypted from where they
// lie to where they leave, and decrypted from where they arrived to where they are wanted, without a copy in between.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

struct evp_cipher_ctx_st;
struct evp_md_st;

namespace vortex::net {

enum class TlsContent : std::uint8_t { alert = 21, handshake = 22, data = 23 };

inline constexpr std::size_t kTlsPlainMax = 16 * 1024;
inline constexpr std::size_t kTlsHeader = 5;
inline constexpr std::size_t kTlsTag = 16;
// What a record adds to its bytes when we write it: header, content type, tag.
inline constexpr std::size_t kTlsOverhead = kTlsHeader + 1 + kTlsTag;
// The longest one that may come.
inline constexpr std::size_t kTlsRecordMax = kTlsHeader + kTlsPlainMax + 256;

// The traffic secret of one direction. Wiped when it goes.
struct TlsSecret {
  std::array<std::uint8_t, 48> bytes{};
  std::size_t size = 0;

  TlsSecret() = default;
  TlsSecret(const TlsSecret&) = default;
  TlsSecret& operator=(const TlsSecret&) = default;
  ~TlsSecret();
  ByteView view() const { return ByteView(bytes).first(size); }
};

// The key of one direction, made from its secret: AES-128-GCM for secrets of 32 bytes, AES-256-GCM for those of 48.
class TlsKey {
 public:
  enum class Use { seal, open };
  TlsKey(Use use, const TlsSecret& secret);
  ~TlsKey();
  TlsKey(TlsKey&&) noexcept;

  // The next one, as after a KeyUpdate.
  void renew();
  std::uint64_t records() const { return sequence_; }

  // Writes one record that holds the pieces, at most kTlsPlainMax bytes together, to `out`, which has room for them and
  // kTlsOverhead more. Returns its size.
  std::size_t seal(TlsContent content, std::span<const ByteView> pieces, std::uint8_t* out);

  struct Opened {
    TlsContent content;
    std::size_t size;
  };
  // The contents of a whole record, written to `into`, which has room for all of it but kTlsHeader and kTlsTag. Nothing
  // in `into` may be believed before it succeeds; of a record that was changed nothing is left there.
  Result<Opened> open(ByteView record, std::uint8_t* into);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  void derive();
  std::array<std::uint8_t, 12> next_nonce();
  void begin(ByteView header);
  std::uint8_t* update(ByteView from, std::uint8_t* out);

  const Use use_;
  TlsSecret secret_;
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
  std::array<std::uint8_t, 12> iv_{};
  std::uint64_t sequence_ = 0;  // of the next record under this key
};

// The size of the record that `bytes` begins with; 0 when its header is not there yet. `bad_message` when such a record
// cannot come after a handshake.
Result<std::size_t> tls_record_size(ByteView bytes);

// What a record says that holds no data.
struct TlsNotice {
  bool end = false;         // nothing more will come
  bool key_update = false;  // the records behind this one are under the next key
  bool update_requested = false;
};
// `bad_message` for what must end the connection: errors that the other side tells of, messages out of place, and such
// that are not whole.
Result<TlsNotice> parse_tls_notice(TlsContent content, ByteView bytes);

// The same, to be sent.
inline constexpr std::array<std::uint8_t, 2> kTlsCloseNotify = {1, 0};
inline constexpr std::array<std::uint8_t, 5> kTlsKeyUpdate = {24, 0, 0, 1, 0};  // does not ask for the other side's

}  // namespace vortex::net
