#!/usr/bin/env python3
"""Times a training step in PyTorch: the peer of `seqpe_engine bench train`. Prints one JSON object.

The model is GPT-2 as PyTorch users write it: fused QKV, scaled_dot_product_attention, tied head, dropout 0.1,
cross-entropy over all logits, clip_grad_norm_ and the fused AdamW. With --seqpe positions come from SeqPE's encoder
instead of a table, act by concatenated queries and keys ([q ; pe_q] . [k ; pe_k], width 2 D), and both of its losses
are added; what the samplers would draw is drawn uniformly. With --vit SIZE it is a ViT with patches of 16 on images of
224 pixels, class token, learned positions and soft targets of 1000 classes, on the same random images every step;
--timm takes the package's own model of that size instead.
"""
import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, width, heads, dropout, attention_dropout, causal=True, gelu="tanh", epsilon=1e-5):
        super().__init__()
        self.heads, self.dropout, self.causal, self.gelu = heads, attention_dropout, causal, gelu
        self.ln_1, self.ln_2 = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)
        self.c_attn, self.attn_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.mlp_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, pe=()):
        batch, tokens, width = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).split(width, dim=2)
        q, k, v = (t.view(batch, tokens, self.heads, -1).transpose(1, 2) for t in (q, k, v))
        if pe:
            q, k = (torch.cat((t, p.expand(batch, -1, -1, -1)), dim=-1) for t, p in zip((q, k), pe))
        attended = F.scaled_dot_product_attention(
            q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=self.causal, scale=v.size(-1) ** -0.5)
        attended = attended.transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.drop(self.attn_proj(attended))
        return x + self.drop(self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate=self.gelu)))


class Gpt2(nn.Module):
    def __init__(self, vocab, layers, width, heads, tokens, dropout, seqpe=None):
        super().__init__()
        self.wte, self.seqpe = nn.Embedding(vocab, width), seqpe
        if seqpe is None:
            self.wpe = nn.Embedding(tokens, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids, labels, positions=None):
        x, pe, regularisers = self.wte(ids), (), 0.0
        if self.seqpe is None:
            x = x + self.wpe.weight
        else:
            pe, regularisers = self.seqpe(ids.size(1), *positions)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, pe)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.view(-1, logits.size(-1)).float(), labels.view(-1)) + regularisers


class SeqPE(nn.Module):
    """The encoder of the published recipe: two causal blocks over five digits and CLS, one projection for all layers."""

    DIGITS, LAYERS, WEIGHT = 5, 2, 0.1

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.digit, self.place = nn.Embedding(10, width), nn.Embedding(self.DIGITS, width)
        self.cls = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(width, heads, dropout, 0.0) for _ in range(self.LAYERS))
        self.ln_f, self.out, self.pair = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.register_buffer("powers", 10 ** torch.arange(self.DIGITS - 1, -1, -1))

    def encode(self, positions):
        digits = positions[:, None] // self.powers % 10
        x = self.digit(digits) + self.place.weight
        x = torch.cat((x, self.cls.expand(len(x), 1, -1)), dim=1)
        for block in self.blocks:
            x = block(x)
        return self.out(self.ln_f(x[:, -1]))

    def slices(self, embeddings):
        return embeddings.unflatten(-1, (self.heads, -1)).transpose(-3, -2).float()

    def forward(self, tokens, pivots, candidates, starts, indices):
        """pivots [P], candidates [P, N], starts [S], indices [S, I]: the pair for attention, each [heads, T, D], and both losses."""
        main = torch.arange(tokens, device=pivots.device)
        students = starts[:, None] + indices
        parts = (main, pivots, candidates.flatten(), students.flatten())
        main, pivot, candidate, student = self.encode(torch.cat(parts)).split([len(part) for part in parts])
        pair = self.pair(main).view(tokens, 2, self.heads, -1).permute(1, 2, 0, 3).unbind()

        candidate = candidate.view(*candidates.shape, -1)
        logits = self.slices(pivot[:, None]) @ self.slices(candidate).transpose(-2, -1)  # [P, heads, 1, N]
        labels = (candidates - pivots[:, None]).abs().argmin(1)
        contrastive = F.cross_entropy(logits.squeeze(2).flatten(0, 1), labels.repeat_interleave(self.heads))

        products = (self.slices(e) for e in (main.detach()[indices], student.view(*indices.shape, -1)))
        a, b = (F.log_softmax(e @ e.transpose(-2, -1), dim=-1) for e in products)
        transfer = ((a.exp() - b.exp()) * (a - b)).mean()
        return pair, self.WEIGHT * (contrastive + transfer)


class Vit(nn.Module):
    """Named by timm's name of the same architecture: width and heads; 12 layers."""

    SIZES = {"vit_tiny_patch16_224": (192, 3), "vit_small_patch16_224": (384, 6), "vit_base_patch16_224": (768, 12)}
    IMAGE, PATCH, CLASSES, LAYERS = 224, 16, 1000, 12

    def __init__(self, width, heads):
        super().__init__()
        self.patches = nn.Conv2d(3, width, self.PATCH, self.PATCH)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + (self.IMAGE // self.PATCH) ** 2, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, 0.0, 0.0, causal=False, gelu="none", epsilon=1e-6) for _ in range(self.LAYERS))
        self.ln_f, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, self.CLASSES)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(len(x), -1, -1), x), dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x)[:, 0])


def vit_model(args):
    if not args.timm:
        return Vit(*Vit.SIZES[args.vit])
    import timm
    return timm.create_model(args.vit)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--vocab", type=int, default=50257)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--seqpe", action="store_true", help="SeqPE's encoder and losses instead of a table")
    parser.add_argument("--vit", choices=Vit.SIZES, help="a ViT; of the sizes above only --batch counts then")
    parser.add_argument("--timm", action="store_true", help="with --vit: the model of the package timm")
    parser.add_argument("--max-position", type=int, default=20000)
    parser.add_argument("--pivots", type=int, default=16)
    parser.add_argument("--candidates", type=int, default=32)
    parser.add_argument("--starts", type=int, default=16)
    parser.add_argument("--indices", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--cudnn", action="store_true", help="attention by cuDNN alone; default: what PyTorch chooses")
    args = parser.parse_args()
    if args.timm and not args.vit or args.seqpe and args.vit:
        parser.error("--timm goes with --vit, --seqpe without it")
    if args.cudnn:
        for other in ("flash", "mem_efficient", "math"):
            getattr(torch.backends.cuda, f"enable_{other}_sdp")(False)
        torch.backends.cuda.enable_cudnn_sdp(True)

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    torch.set_default_device(args.device)
    if args.vit:
        model = vit_model(args).to(args.device)
        images = torch.randn(args.batch, 3, Vit.IMAGE, Vit.IMAGE)
        targets = F.one_hot(torch.randint(Vit.CLASSES, (args.batch,)), Vit.CLASSES).float()
    else:
        seqpe = SeqPE(args.width, args.heads, args.dropout) if args.seqpe else None
        model = Gpt2(args.vocab, args.layers, args.width, args.heads, args.tokens, args.dropout, seqpe)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    forward = torch.compile(model) if args.compile else model

    def draw_positions():
        return (torch.randint(args.max_position, (args.pivots,)),
                torch.randint(args.max_position, (args.pivots, args.candidates)),
                torch.randint(args.tokens // 4, args.max_position - args.tokens, (args.starts,)),
                torch.randint(args.tokens, (args.starts, args.indices)))

    def loss_of_step():
        if args.vit:
            with torch.autocast(args.device, torch.bfloat16, enabled=args.bf16):
                logits = forward(images)
            return F.cross_entropy(logits.float(), targets)
        ids = torch.randint(args.vocab, (args.batch, args.tokens))
        positions = draw_positions() if args.seqpe else None
        with torch.autocast(args.device, torch.bfloat16, enabled=args.bf16):
            return forward(ids, ids.roll(-1, 1), positions)

    def step():
        loss = loss_of_step()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()  # waits for the device

    for _ in range(args.warmup):
        step()
    seconds = []
    for _ in range(args.steps):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    on_gpu = {"device_peak_mb": torch.cuda.max_memory_allocated() / 2**20} if args.device == "cuda" else {}
    print(json.dumps({
        "torch": torch.__version__,
        "median_s": statistics.median(seconds),
        "seconds": seconds,
        "resident_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **on_gpu,
    }))


if __name__ == "__main__":
    main()
