//! `affinage bench gemm`: the products of a model's shapes against the machine's peak.

use affinage_engine::kernels::arch::gemm::{Left, Output, Right, View};
use affinage_engine::lora::Target;
use affinage_engine::weights::Matrix;
use affinage_project::model::open_model;
use clap::Args;
use serde::Serialize;

use super::{Common, Peak, PeakMeter, Setting, gflops, median};
use crate::context::Context;
use crate::ui::Table;

#[derive(Debug, Args)]
pub struct MultiplyBench {
    #[command(flatten)]
    pub common: Common,
    /// Rows of the left side: tokens computed at once
    #[arg(long, value_name = "N", default_value_t = 1024)]
    rows: usize,
    /// Measurements of each product
    #[arg(long, default_value_t = 5)]
    repeats: usize,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Measured {
    v: u32,
    #[serde(flatten)]
    peak: Peak,
    products: Vec<Product>,
    #[serde(flatten)]
    setting: Setting,
}

/// One product `[m, k] x [k, n]`, its weight unpacked from what the file holds.
#[derive(Serialize)]
struct Product {
    weight: &'static str,
    stored_as: String,
    direction: &'static str,
    m: usize,
    k: usize,
    n: usize,
    gflops: f64,
    share_of_peak: f64,
}

pub fn run(ctx: &Context, args: MultiplyBench) -> anyhow::Result<()> {
    let model = open_model(ctx, args.common.spec(ctx))?;
    let mut meter = PeakMeter::new();
    meter.measure();
    let mut products = Vec::new();
    for &target in Target::of(model.weights.config()) {
        let matrix = model.weights.matrix(&format!("model.layers.0.{}.weight", target.path()))?;
        for (direction, right) in
            [("forward", Right::Transposed(&matrix)), ("backward", Right::Plain(&matrix))]
        {
            products.push(measure(target.name(), direction, &matrix, right, &args));
            meter.measure();
        }
    }
    let peak = meter.peak();
    for product in &mut products {
        product.share_of_peak = product.gflops / peak.sgemm_peak_gflops;
    }
    let measured = Measured { v: 1, peak, products, setting: Setting::here(args.common.threads) };
    if ctx.json {
        return ctx.ui.json(&measured);
    }
    ctx.ui.data(&for_people(&measured))
}

fn measure(
    weight: &'static str,
    direction: &'static str,
    matrix: &Matrix,
    right: Right,
    args: &MultiplyBench,
) -> Product {
    let (k, n) = match direction {
        "forward" => (matrix.cols(), matrix.rows()),
        _ => (matrix.rows(), matrix.cols()),
    };
    let m = args.rows;
    let values: Vec<f32> = (0..m * k).map(|i| (i as f32 * 0.618_034).fract() - 0.5).collect();
    let mut out = vec![0.0; m * n];
    let mut once = || {
        gflops(|| {
            Left::pack(View::rows(&values, m, k, k), 1.0).multiply(right, &mut out, n, Output::Overwrite);
            2.0 * (m * k * n) as f64
        })
    };
    once();
    let all: Vec<f64> = (0..args.repeats.max(1)).map(|_| once()).collect();
    let stored_as = matrix.dtype().to_string();
    Product { weight, stored_as, direction, m, k, n, gflops: median(&all), share_of_peak: f64::NAN }
}

fn for_people(m: &Measured) -> String {
    let p = &m.peak;
    let mut table = Table::new(["weight", "stored", "direction", "m", "k", "n", "GFLOP/s", "share"])
        .right(&[3, 4, 5, 6, 7]);
    for product in &m.products {
        table.row([
            product.weight.to_owned(),
            product.stored_as.clone(),
            product.direction.to_owned(),
            product.m.to_string(),
            product.k.to_string(),
            product.n.to_string(),
            format!("{:.0}", product.gflops),
            format!("{:.0} %", 100.0 * product.share_of_peak),
        ]);
    }
    format!(
        "peak {:.0} GFLOP/s on {} threads ({}): own multiply {:.0}, independent one {:.0}, registers alone {:.0}\n\n{}",
        p.sgemm_peak_gflops,
        m.setting.threads,
        m.setting.kernels,
        p.own_multiply_gflops,
        p.independent_multiply_gflops,
        p.registers_gflops,
        table.render()
    )
}
